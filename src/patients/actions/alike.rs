//! Whether somebody who is about to be added may be there already.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::ConnectionTrait;

use crate::{
    access::Visible,
    error::Result,
    patients::{NewPatient, store},
    types::{DeploymentId, PatientId},
};

/// How many noughts people add or leave out.
const MOST_NOUGHTS: usize = 4;

/// Patients who are like those who are about to be added.
#[derive(Debug, Default)]
pub struct Alike {
    numbers: HashMap<String, (PatientId, String)>,
    people: HashMap<(String, String), (PatientId, String)>,
    shapes: HashMap<String, (PatientId, String)>,
}

impl Alike {
    /// The patient who has this number.
    pub fn number(&self, new: &NewPatient) -> Option<(PatientId, &str)> {
        found(self.numbers.get(&new.number.to_lowercase()))
    }

    /// The patient who has the same name and birth date.
    pub fn person(&self, new: &NewPatient) -> Option<(PatientId, &str)> {
        found(person_key(new).and_then(|key| self.people.get(&key)))
    }

    /// A patient whose number differs in signs, spaces and leading noughts only.
    pub fn like_number(&self, new: &NewPatient) -> Option<(PatientId, &str)> {
        found(self.shapes.get(&number_shape(&new.number)))
    }
}

fn found(place: Option<&(PatientId, String)>) -> Option<(PatientId, &str)> {
    place.map(|(id, number)| (*id, number.as_str()))
}

/// What makes two people look like one: the name without regard to case, and the birth date.
pub fn person_key(new: &NewPatient) -> Option<(String, String)> {
    let (name, born) = (&new.identity.name, &new.identity.born_on);
    (!name.is_empty() && !born.is_empty()).then(|| (name.to_lowercase(), born.clone()))
}

/// A number without signs, spaces, case, and noughts before its groups of digits.
pub fn number_shape(number: &str) -> String {
    let mut shape = String::new();
    for group in groups(number) {
        let digits = group.trim_start_matches('0');
        shape.push_str(if group.starts_with(|c: char| c.is_ascii_digit()) { digits } else { &group });
        shape.push('.');
    }
    shape
}

/// Runs of digits, and runs of letters.
fn groups(number: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    let mut kind = None;
    for c in number.to_lowercase().chars() {
        let now = if c.is_ascii_digit() {
            Some(true)
        } else if c.is_alphanumeric() {
            Some(false)
        } else {
            None
        };
        match groups.last_mut() {
            Some(last) if now.is_some() && now == kind => last.push(c),
            _ if now.is_some() => groups.push(c.to_string()),
            _ => {}
        }
        kind = now;
    }
    groups
}

/// Numbers that differ from this one in noughts before the last group of digits, as the words by which patients are found.
fn like_words(number: &str) -> Vec<String> {
    let groups = groups(number);
    let Some(last) = groups.iter().rposition(|group| group.starts_with(|c: char| c.is_ascii_digit())) else {
        return vec![groups.concat()];
    };
    let (head, digits) = (groups.iter().take(last).map(String::as_str).collect::<String>(), groups.get(last));
    let bare = digits.map_or("", |digits| digits.trim_start_matches('0'));
    let padded = (0..=MOST_NOUGHTS).map(|n| format!("{}{bare}", "0".repeat(n)));
    // Alone, as where a sign stands before the digits, and in one piece with what stands before them.
    padded.flat_map(|digits| [format!("{head}{digits}"), digits]).filter(|word| !word.is_empty()).collect()
}

/// Who of the deployment is like one of these.
///
/// # Errors
/// When the database fails.
pub async fn alike(
    db: &impl ConnectionTrait,
    visible: &Visible,
    new: impl Iterator<Item = &NewPatient>,
) -> Result<Alike> {
    let (mut numbers, mut people, mut words) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for patient in new.filter(|patient| !patient.number.is_empty()) {
        numbers.insert(patient.number.to_lowercase());
        people.extend(person_key(patient));
        words.extend(like_words(&patient.number));
    }
    let mut all = Alike::default();
    for row in store::numbered(db, visible, &Vec::from_iter(numbers)).await? {
        all.numbers.insert(row.number.to_lowercase(), (row.id, row.number));
    }
    for row in store::persons(db, visible, &Vec::from_iter(people)).await? {
        all.people.insert((row.name_key, row.born_on), (row.id, row.number));
    }
    for row in store::with_words(db, visible, &Vec::from_iter(words)).await? {
        all.shapes.insert(number_shape(&row.number), (row.id, row.number));
    }
    Ok(all)
}

/// The labels of the deployment, in lower case.
///
/// # Errors
/// When the database fails.
pub async fn label_keys(db: &impl ConnectionTrait, deployment: DeploymentId) -> Result<HashSet<String>> {
    let labels = store::all_labels(db, deployment).await?;
    Ok(labels.into_iter().map(|label| label.text.to_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_look_alike_have_one_shape() {
        for number in ["NF-0007", "nf 7", "NF7", "nf-07"] {
            assert_eq!(number_shape(number), "nf.7.", "{number}");
        }
        assert_ne!(number_shape("NF-70"), number_shape("NF-7"));
        assert_ne!(number_shape("NF-1-23"), number_shape("NF-12-3"));
        for (number, found_by) in [("NF-7", "0007"), ("NF-7", "nf0007"), ("nf0007", "7"), ("0007", "7"), ("abc", "abc")]
        {
            assert!(like_words(number).iter().any(|word| word == found_by), "{number}: {found_by}");
        }
    }
}
