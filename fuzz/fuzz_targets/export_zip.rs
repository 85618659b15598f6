#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultmesh_oracles::export::export_zip(data));
