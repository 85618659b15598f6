#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultmesh_oracles::keys::key_history(data));
