//! The demo, end to end: the vault verifies, and each tampering is named.

use vaultmesh::demo;
use vm_core::verdict::Verdict;

#[test]
fn the_demo_is_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let demo = demo::run(&dir.path().join("demo"), &mut |step| println!("{}: {}", step.did, step.result)).unwrap();
    assert_eq!(demo.verdict, Verdict::Verified);
    let named: Vec<_> = demo.tamperings.iter().map(|copy| copy.named.unwrap_or("nothing")).collect();
    assert_eq!(named, ["row-altered", "tail-cut", "artifact-altered"]);
    for copy in &demo.tamperings {
        assert_eq!((copy.verdict, copy.exit_code), (Verdict::Contradicted, 1), "{}", copy.did);
    }
    assert!(demo.is_as_promised());
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("precious"), "x").unwrap();
    let error = demo::run(dir.path(), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), "folder-not-empty");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
