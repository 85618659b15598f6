//! Every forbidden road fails to compile.

#[test]
fn forbidden_roads_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
