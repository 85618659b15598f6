#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultmesh_oracles::privacy::erasure_receipt(data));
