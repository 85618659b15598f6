//! `prove complete` and `verify-proof` as a user runs them: answers, absence, and what is no answer.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;

#[test]
fn an_answer_is_complete_and_an_absence_proven() {
    let home = Home::with_vault();
    home.run(&["record", "tool", "grep", "--input", "{}"]).expect(0);
    let shadow = ["record", "shadow", "--horizon", "cleanup", "--reason", "no", "--counterfactual", "{}"];
    home.run(&shadow).expect(0);
    let early = home.json(&["prove", "complete", "--refers", "horizon_id=cleanup"]).expect(2).json();
    assert_eq!(early["error"]["code"], "not-indexed");
    home.run(&["seal", "create"]).expect(0);
    // What comes later is behind the answer, and the answer says so.
    home.run(&shadow).expect(0);
    let size = home.log_size();
    for (question, rows) in [
        (&["--refers", "horizon_id=cleanup"][..], 1),
        (&["--refers", "horizon_id=other"], 0),
        (&["--kind", "tool_invocations"], 1),
        (&["--until", "2020-01-01T00:00:00Z"], 0),
        (&["--trace", "01900000-0000-7000-8000-0000000000ff"], 0),
    ] {
        let file = format!("{}.json", question.join("").replace(['-', '=', ':'], ""));
        let ran = home.json(&[&["prove", "complete"], question, &["-o", &file]].concat()).expect(0).json();
        assert_eq!(ran["result"]["rows"].as_array().unwrap().len(), rows, "{question:?}");
        assert_eq!(ran["result"]["complete_at"], size - 2, "{question:?}");
        let proven = home.json(&["verify-proof", &file, "--key", &home.key()]).expect(0).json();
        assert_eq!(proven["result"]["rows"], ran["result"]["rows"]);
        // Without a key nothing is an answer, and not an empty one either.
        let open = home.json(&["verify-proof", &file]).expect(3).json();
        assert!(open["result"]["rows"].is_null());
        let text = std::fs::read_to_string(home.path(&file)).unwrap();
        let moved = text.replacen("\"begin\":0", "\"begin\":1", 1);
        assert_ne!(moved, text);
        home.write(&file, &moved);
        let spoilt = home.json(&["verify-proof", &file, "--key", &home.key()]).expect(1).json();
        assert_eq!(spoilt["findings"][0]["code"], "incomplete");
        assert!(spoilt["result"]["rows"].is_null());
    }
    for (refers, code) in [("tool=x", "usage"), ("subject_id=x", "query-value"), ("horizon_id", "usage")] {
        let refused = home.json(&["prove", "complete", "--refers", refers]).expect(2).json();
        assert_eq!(refused["error"]["code"], code, "{refers}");
    }
}
