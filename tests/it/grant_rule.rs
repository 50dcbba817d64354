//! The grant rule against [`crate::model`], which is written plainly and apart from it.

use care_portal::access::{DefaultRole, Permission};

use crate::decisions::cases;

/// How many random decisions are compared altogether, over all parts.
const DECISIONS: usize = 1_000_000;
const PARTS: usize = 4;

#[test]
fn the_default_roles_are_the_published_reading() {
    let table: Vec<String> = Permission::all()
        .map(|permission| {
            let marks: Vec<&str> = DefaultRole::ALL
                .iter()
                .map(|role| if role.permissions().has(permission) { "x" } else { "-" })
                .collect();
            format!("{:<26}{}", permission.key(), marks.join(" "))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn the_model_can_be_checked_by_reading_it() {
    let lines = include_str!("model.rs").lines().count();
    assert!(lines <= 150, "the model has {lines} lines");
}

fn compare(part: u64) {
    // How often each action was allowed and refused: a comparison of refusals alone would prove little.
    let mut seen = std::collections::HashMap::<_, usize>::new();
    cases(part, DECISIONS / PARTS, |_, _, case| {
        let (model, product) = (case.model(), case.product());
        *seen.entry((std::mem::discriminant(&case.action), model)).or_default() += 1;
        if model == product { Ok(()) } else { Err(format!("the model says {model}, the portal says {product}")) }
    });
    assert_eq!(seen.len(), 14, "every action was allowed and refused: {seen:?}");
    assert!(seen.values().all(|times| *times > DECISIONS / PARTS / 200), "and often: {seen:?}");
}

#[test]
fn a_million_decisions_are_those_of_the_model_part_1() {
    compare(1);
}

#[test]
fn a_million_decisions_are_those_of_the_model_part_2() {
    compare(2);
}

#[test]
fn a_million_decisions_are_those_of_the_model_part_3() {
    compare(3);
}

#[test]
fn a_million_decisions_are_those_of_the_model_part_4() {
    compare(4);
}
