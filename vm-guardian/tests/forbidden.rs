//! What a guardian cannot do: these do not compile.

#[test]
fn no_guardian_writes() {
    trybuild::TestCases::new().compile_fail("tests/forbidden/*.rs");
}
