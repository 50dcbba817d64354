use super::*;
use crate::types::email_address::EmailAddress;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap_or_else(|bad| panic!("{text:?}: {bad}"))
}

fn usual(domains: &[&str]) -> Vec<String> {
    domains.iter().map(|domain| (*domain).to_owned()).collect()
}

/// Generous: a debug build on a busy machine. What must not happen is quadratic time, which would take minutes.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn splits_as_a_person_reads() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (" ,;\t\r\n , ", &[]),
        ("a@b c@d", &["a@b", "c@d"]),
        ("a@b,c@d;e@f\tg@h\ni@j\r\nk@l\u{a0}m@n", &["a@b", "c@d", "e@f", "g@h", "i@j", "k@l", "m@n"]),
        ("grainne", &["grainne"]),
        ("a@b, grainne, c@d", &["a@b", "grainne", "c@d"]),
        ("a@b grainne c@d", &["a@b", "grainne", "c@d"]),
        ("ann@x\tAnn Lee\tWard nurse", &["ann@x", "Ann Lee", "Ward nurse"]),
        ("Name Surname <a@b>", &["Name Surname <a@b>"]),
        ("Ann Lee <a@b>, c@d", &["Ann Lee <a@b>", "c@d"]),
        ("\"Okafor, Ben\" <b@x>", &["\"Okafor, Ben\" <b@x>"]),
        ("\"Okafor, Ben\" <b@x>, \"Lee; Ann\"<a@x> c@d", &["\"Okafor, Ben\" <b@x>", "\"Lee; Ann\"<a@x>", "c@d"]),
        ("Ann <a@b> Ben <c@d>", &["Ann <a@b>", "Ben <c@d>"]),
        ("<a@b><c@d>e@f", &["<a@b>", "<c@d>", "e@f"]),
        ("c@d Ann Lee <a@b>", &["c@d", "Ann Lee <a@b>"]),
        ("a@b <a@b> 'c@d' <c@d> \"e@f\" <e@f>", &["a@b <a@b>", "'c@d' <c@d>", "\"e@f\" <e@f>"]),
        ("Okafor, Ben <b@x>; Lee, Ann <a@x>;", &["Okafor, Ben <b@x>", "Lee, Ann <a@x>"]),
        ("grainne, Ben <b@x>", &["grainne", "Ben <b@x>"]),
        ("a@b; grainne, Ben <b@x>, c@d", &["a@b", "grainne", "Ben <b@x>", "c@d"]),
        ("\"ann lee\"@x c@d", &["\"ann lee\"@x", "c@d"]),
        // Marks that do not pair.
        ("\"a@b, c@d\ne@f", &["\"a@b", "c@d", "e@f"]),
        ("\"a@b, \"c@d, e@f", &["\"a@b", "\"c@d", "e@f"]),
        ("Ann <a@b, c@d, e@f", &["Ann", "<a@b", "c@d", "e@f"]),
        ("<a@b, c@d>, e@f", &["<a@b", "c@d>", "e@f"]),
        ("a@b>, c@d", &["a@b>", "c@d"]),
        ("Ann <RN> Lee <a@b>", &["Ann <RN> Lee <a@b>"]),
    ];
    for (text, items) in cases {
        assert_eq!(split_list(text), *items, "{text:?}");
    }
}

#[test]
fn a_mailbox_that_comes_again_is_one_row_with_its_first_spelling() {
    let entries = read_list("Ada@x.example, grainne, ADA@X.example; ben@x.example\ngrainne\nAda <ada@x.example>");
    let rows: Vec<_> = entries.iter().map(|e| (e.text.as_str(), e.index, e.repeats.clone())).collect();
    assert_eq!(rows, [("Ada@x.example", 0, vec![2, 5]), ("grainne", 1, vec![4]), ("ben@x.example", 3, vec![])]);
    assert_eq!(entries[0].outcome.as_ref().map(ToString::to_string), Ok("Ada@x.example".to_owned()));
    assert_eq!(entries[1].outcome, Err(BadAddress::NoAt));
}

#[test]
fn a_row_shows_no_more_than_320_characters() {
    let entries = read_list(&format!("é{}@x.example", "a".repeat(1000)));
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].text.chars().count(), 320);
    assert_eq!(entries[0].outcome, Err(BadAddress::TooLong));
}

#[test]
fn points_out_a_domain_that_was_probably_not_meant() {
    let usual = usual(&["northfield.example", "southfield.nhs.uk", "rhc.org.uk"]);
    for (typed, reason, suggestion) in [
        (
            "E.Fraser@northfeild.example",
            "northfeild.example is one letter off northfield.example",
            "E.Fraser@northfield.example",
        ),
        ("e@nothfield.example", "nothfield.example is one letter off northfield.example", "e@northfield.example"),
        ("e@northfeild.exmaple", "northfeild.exmaple is two letters off northfield.example", "e@northfield.example"),
        ("e@southfield.nsh.uk", "southfield.nsh.uk is one letter off southfield.nhs.uk", "e@southfield.nhs.uk"),
        ("e@rhc.ogr.uk", "rhc.ogr.uk is one letter off rhc.org.uk", "e@rhc.org.uk"),
        ("e@southfield.nhs.ku", "southfield.nhs.ku ends in .ku, which looks like .uk", "e@southfield.nhs.uk"),
        ("fatima.haddad@gmial.com", "gmial.com looks like gmail.com", "fatima.haddad@gmail.com"),
        ("f@gmail.con", "gmail.con ends in .con, which looks like .com", "f@gmail.com"),
        ("f@gmial.con", "gmial.con looks like gmail.com", "f@gmail.com"),
        ("f@gmail.co", "gmail.co looks like gmail.com", "f@gmail.com"),
        ("f@hotmial.co.uk", "hotmial.co.uk looks like hotmail.co.uk", "f@hotmail.co.uk"),
        ("f@outlok.com", "outlok.com looks like outlook.com", "f@outlook.com"),
        ("f@nsh.net", "nsh.net looks like nhs.net", "f@nhs.net"),
        ("f@clinic.cmo", "clinic.cmo ends in .cmo, which looks like .com", "f@clinic.com"),
        ("f@clinic.ocm", "clinic.ocm ends in .ocm, which looks like .com", "f@clinic.com"),
    ] {
        let found = look_again(&address(typed), &usual, &ColleagueIndex::default());
        let expected = Suspicion { reason: reason.to_owned(), suggestion: Some(suggestion.to_owned()) };
        assert_eq!(found, Some(expected), "{typed}");
    }
}

#[test]
fn leaves_domains_alone_that_are_near_another_and_real() {
    let usual = usual(&["northfield.example", "gmial.com"]);
    for typed in [
        "northfield.example",
        "ward.northfield.example",
        "gmial.com",
        "gmail.com",
        "mail.com",
        "email.com",
        "ymail.com",
        "gmx.net",
        "gmx.at",
        "nhs.uk",
        "trust.nhs.uk",
        "nhs.net",
        "yahoo.pl",
        "yahoo.co.in",
        "all.com",
        "bücher.example",
        "trail.com",
        "northfield.org",
        "ox.ac.uk",
        "southfield.example",
        "me.com",
    ] {
        let typed = address(&format!("ann@{typed}"));
        assert_eq!(look_again(&typed, &usual, &ColleagueIndex::default()), None, "{typed}");
    }
}

#[test]
fn points_out_an_address_one_letter_off_a_colleagues() {
    let here =
        ["Ada.Okafor@x.example", "ben.lee@x.example", "j.smith1@x.example", "ann@x.example", "ada.okafer@x.example"];
    let colleagues = ColleagueIndex::new(here);
    for typed in ["ada.okafo@x.example", "Ada.Okaofr@x.example", "ada.okaforr@x.example", "dda.okafor@x.example"] {
        let found = look_again(&address(typed), &[], &colleagues).unwrap_or_else(|| panic!("{typed}"));
        let reason = format!("{} is one letter off a colleague's address, ada.okafor@x.example", typed.to_lowercase());
        assert_eq!(found, Suspicion { reason, suggestion: Some("ada.okafor@x.example".to_owned()) });
    }
    for typed in [
        "ada.okafor@x.example", // is one
        "ada.okafo@y.example",  // elsewhere
        "ben.leigh@x.example",  // more than one slip
        "j.smith2@x.example",   // namesakes
        "k.smith1@x.example",
        "j.smith@x.example",
        "anne@x.example",       // too short to tell
        "ada.okafer@x.example", // a colleague, though one letter off another
    ] {
        assert_eq!(look_again(&address(typed), &[], &colleagues), None, "{typed}");
    }
}

#[test]
fn outside_the_usual_domains_is_a_question_of_its_own() {
    let four = usual(&["a.example", "b.example", "c.example", "d.example"]);
    let mei = address("mei@bücher.example");
    let reason = |domains: &[String]| outside_usual(&mei, domains).map(|suspicion| suspicion.reason);
    let one = usual(&["northfield.example"]);
    assert_eq!(
        reason(&one).as_deref(),
        Some("xn--bcher-kva.example is outside the organisation's usual domains (northfield.example)")
    );
    assert!(reason(&four).is_some_and(|text| text.ends_with("(a.example, b.example, c.example and 1 more)")));
    assert_eq!(reason(&[]), None);
    assert_eq!(outside_usual(&address("a@ward.b.example"), &four), None);
    assert!(outside_usual(&address("a@notb.example"), &four).is_some());
}

#[test]
fn hostile_lists_are_read_soon() {
    let size = 1 << 18;
    let words: String = (0..size / 6).map(|n| format!("{n:x} ")).collect();
    for unit in
        ["\"", "<", "<@", "\"@,", "\"a\" ", "<a@b", "a@b <", "> ", "\\\"", ",", "a ", " \"<@>", "\u{200b}", "@", "=\n"]
    {
        let text = unit.repeat(size / unit.len());
        let started = Instant::now();
        read_list(&text);
        assert!(started.elapsed() < SOON, "{unit:?} took {:?}", started.elapsed());
    }
    for text in [format!("{}{}", " ".repeat(size / 2), "\"".repeat(size / 2)), format!("{words}<a@b>"), words] {
        let started = Instant::now();
        read_list(&text);
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    }
}

#[test]
fn many_addresses_are_compared_with_many_colleagues_soon() {
    let name =
        |n: usize| format!("{}{}.{}{}@x.example", letters(n % 97), letters(n / 89), letters(n % 1009), letters(n / 7));
    let colleagues = ColleagueIndex::new((0..20_000).map(name));
    let started = Instant::now();
    let found =
        (0..2_000).filter(|n| look_again(&address(&name(n * 9).replacen('.', ".q", 1)), &[], &colleagues).is_some());
    assert!(found.count() > 1_000);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

fn letters(mut n: usize) -> String {
    let mut word = String::from("x");
    while n > 0 {
        word.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
        n /= 26;
    }
    word
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | ';')).collect()
}

proptest! {
    #[test]
    fn nothing_but_separators_is_left_out(text in prop_oneof![any::<String>(), "[ab@.\"'<>,;\t\n ]{0,40}"]) {
        let items = split_list(&text);
        prop_assert_eq!(without_separators(&items.concat()), without_separators(&text));
        prop_assert!(items.iter().all(|item| !item.trim().is_empty()));
    }

    #[test]
    fn every_item_is_in_exactly_one_row(text in "([ab]{1,2}(@x\\.[ab]{2})?[ ,;\n]){0,20}") {
        let mut indices: Vec<usize> = read_list(&text).into_iter().flat_map(|e| [vec![e.index], e.repeats].concat()).collect();
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..split_list(&text).len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_index_finds_what_comparing_with_each_would(
        here in prop::collection::vec("[abc]{4,7}", 0..20), typed in "[abc]{4,7}"
    ) {
        let index = ColleagueIndex::new(here.iter().map(|name| format!("{name}@x.example")));
        let found = look_again(&address(&format!("{typed}@x.example")), &[], &index).is_some();
        let near = here.iter().any(|name| slips::slips(name, &typed, 1) == Some(1));
        prop_assert_eq!(found, near && !here.contains(&typed));
    }
}
