//! Forbidden roads: what a forecaster is given does not lead to a journal or a permit, and nobody outside makes artifacts of his own format.

#[test]
fn nothing_here_compiles() {
    trybuild::TestCases::new().compile_fail("tests/forbidden/*.rs");
}
