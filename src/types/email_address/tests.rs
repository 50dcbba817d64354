use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn refusal(text: &str) -> String {
    match parse_mailbox(text) {
        Ok(mailbox) => panic!("{text:?} was taken as {mailbox}"),
        Err(bad) => bad.to_string(),
    }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap_or_else(|bad| panic!("{text:?}: {bad}"))
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_do() {
    let long_local = format!("{}@x.example", "a".repeat(65));
    let long = format!("a@{}.example", "abcdefghi.".repeat(26));
    let long_label = format!("a@{}.example", "a".repeat(64));
    let cases: &[(&str, &str)] = &[
        ("", "There is no address here."),
        (" \u{a0}\t", "There is no address here."),
        ("mailto:?subject=x", "There is no address here."),
        ("<>", "There is no address here."),
        ("grainne", "There is no “@”. Write the whole address, like ann.lee@hospital.example."),
        ("Ann Lee", "There is no “@”."),
        ("hye-jin@@northfield.example", "There is more than one “@”. Take out the one too many."),
        ("a@b.example@c.example", "There is more than one “@”."),
        ("a@b.example, c@d.example", "There is more than one address here. Put each on a line of its own."),
        ("a@b.example c@d.example", "There is more than one address here."),
        ("@northfield.example", "Nothing stands before the “@”."),
        ("ann@", "Nothing stands after the “@”."),
        ("ann@localhost", "“localhost” after the “@” has no dot. Write all of it, like hospital.example."),
        ("ann@x.example.", "A dot is misplaced in “x.example.”: at its start, at its end, or two in a row."),
        ("ann@.x.example", "A dot is misplaced in “.x.example”"),
        ("ann@x..example", "A dot is misplaced in “x..example”"),
        (".ann@x.example", "A dot is misplaced in “.ann”"),
        ("an..n@x.example", "A dot is misplaced in “an..n”"),
        ("ann.@x.example", "A dot is misplaced in “ann.”"),
        ("ines@[127.0.0.1]", "What follows the “@” is a computer's number, not a name."),
        ("ines@[IPv6:::1]", "What follows the “@” is a computer's number"),
        ("ines@127.0.0.1", "What follows the “@” is a computer's number"),
        ("\"ann lee\"@x.example", "The part before the “@” is in quotation marks"),
        ("\"a,b@c\"@x.example", "The part before the “@” is in quotation marks"),
        ("ann lee@x.example", "There is a space after “ann”. Take it out"),
        ("ann@x\u{a0}y.example", "There is a space after “ann@x”."),
        ("ann@x,example", "There is a comma after “ann@x”. Put a dot there if one was meant"),
        (
            "leila\u{200b}@x.example",
            "There is a zero-width space after “leila”, which nobody can see. Type the address by hand",
        ),
        ("\u{feff}leila@x.example", "There is a byte-order mark at the start, which nobody can see."),
        ("le\u{ad}ila@x.example", "There is a soft hyphen after “le”"),
        ("a\u{202e}b@x.example", "There is a mark that turns the writing direction after “a”"),
        ("a@x\u{3164}.example", "There is an invisible character (U+3164) after “a@x”"),
        ("a@x\u{200d}.example", "There is a zero-width joiner after “a@x”"),
        ("a\0b@x.example", "There is a control character (U+0000) after “a”."),
        ("a@x.example\r\nBcc: b@x.example", "There is a control character (U+000D) after “a@x.example”."),
        ("<a@x.example\nBcc:>", "There is a control character (U+000A)"),
        ("jos\u{fffd}@x.example", "A letter after “jos” could not be read. Choose another encoding"),
        ("jonаs@x.example", "The letter “а” in “jonаs” is Cyrillic, among Latin letters."),
        ("a@nоrthfield.example", "The letter “о” in “nоrthfield” is Cyrillic, among Latin letters."),
        ("a@gοοgle.example", "The letter “ο” in “gοοgle” is Greek, among Latin letters."),
        ("a@αб.example", "The letter “б” in “αб” is Cyrillic, among Greek letters."),
        ("a@аррӏе.example", "“аррӏе” is written wholly in Cyrillic letters that look like Latin ones"),
        ("a@АРРӀЕ.example", "“аррӏе” is written wholly in Cyrillic letters"),
        ("a@xn--80ak6aa92e.example", "“аррӏе” is written wholly in Cyrillic letters"),
        ("a@xn--nrthfield-02h.example", "The letter “о” in “nоrthfield” is Cyrillic"),
        ("a@ρυρα.example", "“ρυρα” is written wholly in Greek letters"),
        ("josé@x.example", "The part before the “@” holds “é”. Only plain letters"),
        ("jose\u{301}@x.example", "The part before the “@” holds “é”."),
        ("иван@x.example", "The part before the “@” holds “и”."),
        ("\u{212a}ate@x.example", "The part before the “@” holds “\u{212a}”."),
        (&long, "This is longer than 254 characters"),
        (&long_local, "The part before the “@” is longer than 64 characters"),
        ("=HYPERLINK(\"http://x.example\")@x.example", "This starts with “=”, as a spreadsheet's formula does."),
        ("=cmd <a@x.example>", "This starts with “=”"),
        ("+ann@x.example", "This starts with “+”"),
        ("-ann@x.example", "This starts with “-”"),
        ("Ann <ann@x.example", "The brackets < > do not enclose one address at the end."),
        ("<a@x.example> Ann", "The brackets < >"),
        ("<a@x.example> <b@x.example>", "The brackets < >"),
        ("an(n)@x.example", "There is a “(”, which an address cannot hold. Take it out."),
        ("ann\\lee@x.example", "There is a “\\”"),
        ("ann@x.example;", "There is a “;”"),
        ("ann@x_y.example", "There is a “_”"),
        ("ann@x.example/y", "There is a “/”"),
        ("ann@-x.example", "“-x.example” after the “@” is not a name that the internet allows."),
        ("ann@xn--a.example", "“xn--a.example” after the “@” is not a name"),
        ("ann@x.y", "“x.y” after the “@” is not a name"),
        (&long_label, "“aaaaaaaaaaaaaaaaaaaaaaaa…” after the “@” is not a name"),
        ("ann@אa.example", "The letter “א” in “אa” is Hebrew, among Latin letters."),
        ("ann@1א.example", "“1א.example” after the “@” is not a name"),
    ];
    for (text, start) in cases {
        let sentence = refusal(text);
        assert!(sentence.starts_with(start), "{text:?}: {sentence}");
        assert!(sentence.ends_with('.') && sentence.chars().count() < 220, "{text:?}: {sentence}");
    }
}

#[test]
fn takes_what_people_type() {
    for (text, original, key) in [
        ("ada.okafor@northfield.example", "ada.okafor@northfield.example", "ada.okafor@northfield.example"),
        ("  Ada.Okafor@NORTHFIELD.example ", "Ada.Okafor@northfield.example", "ada.okafor@northfield.example"),
        ("mailto:chidi@northfield.example", "chidi@northfield.example", "chidi@northfield.example"),
        ("MailTo: chidi@x.example?subject=Hi&cc=b@c", "chidi@x.example", "chidi@x.example"),
        ("\u{a0}dafydd@x.example\u{2003}\r\n", "dafydd@x.example", "dafydd@x.example"),
        ("mei@bücher.example", "mei@xn--bcher-kva.example", "mei@xn--bcher-kva.example"),
        ("mei@BU\u{308}CHER.example", "mei@xn--bcher-kva.example", "mei@xn--bcher-kva.example"),
        ("a@почта.рф", "a@xn--80a1acny.xn--p1ai", "a@xn--80a1acny.xn--p1ai"),
        ("a@東京タワー.example", "a@xn--5ck2eqb538s34z.example", "a@xn--5ck2eqb538s34z.example"),
        ("Olu.O'Neill+ward-3_b@a.b.example", "Olu.O'Neill+ward-3_b@a.b.example", "olu.o'neill+ward-3_b@a.b.example"),
    ] {
        let read = address(text);
        assert_eq!((read.as_str(), read.key()), (original, key));
    }
    let ada = address("Ada@Northfield.example");
    assert_eq!((ada.local_part(), ada.domain()), ("Ada", "northfield.example"));
}

#[test]
fn one_mailbox_is_one_address_whatever_its_spelling() {
    let spellings = ["Ann@Ex.org", "ann@ex.org", "ann@EX.ORG", "<ANN@ex.org>"];
    let set: HashSet<_> = spellings.iter().filter_map(|text| parse_mailbox(text).ok()).map(|m| m.address).collect();
    assert_eq!(set.len(), 1);
    assert_eq!(address("a@bücher.example"), address("A@xn--BCHER-kva.example"));
    assert_ne!(address("a.b@x.example"), address("ab@x.example"));
}

#[test]
fn names_come_along_when_they_can_be_trusted() {
    let long = format!("{} <a@x.example>", "é".repeat(300));
    let hundred = "é".repeat(100);
    for (text, name) in [
        ("Ann Lee <a@x.example>", Some("Ann Lee")),
        ("\"Okafor, Ben\" <a@x.example>", Some("Okafor, Ben")),
        ("Okafor, Ben <a@x.example>", Some("Okafor, Ben")),
        ("\"Ann \\\"Annie\\\" Lee\"<A@x.example>", Some("Ann \"Annie\" Lee")),
        ("'Ann Lee' <mailto:a@x.example>", Some("Ann Lee")),
        ("<a@x.example>", None),
        ("\"\" < a@x.example >", None),
        ("a@x.example <a@x.example>", None),
        ("boss@hospital.example <a@x.example>", None),
        ("Ann\r\nBcc: b <a@x.example>", None),
        ("Ann\0 <a@x.example>", None),
        ("\u{202e}nnA <a@x.example>", None),
        ("-1+2 <a@x.example>", None),
        (long.as_str(), Some(hundred.as_str())),
    ] {
        let mailbox = parse_mailbox(text).unwrap_or_else(|bad| panic!("{text:?}: {bad}"));
        assert_eq!(mailbox.address.key(), "a@x.example", "{text:?}");
        assert_eq!(mailbox.name.as_deref(), name, "{text:?}");
    }
}

#[test]
fn serde_reads_and_writes_a_string_and_refuses_a_bad_one() {
    let ada: EmailAddress = serde_json::from_str("\" Ada@X.example\"").unwrap();
    assert_eq!(serde_json::to_string(&ada).unwrap(), "\"Ada@x.example\"");
    let refused = serde_json::from_str::<EmailAddress>("\"ada\"").unwrap_err().to_string();
    assert!(refused.contains("There is no “@”."), "{refused}");
}

/// Texts close enough to an address to get past the first checks.
fn nearly_an_address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9.+\"<> ,а-яéü\u{200b}]{0,12}@[a-zA-Z0-9.\\-üßα-ωа-я。\u{301}]{0,20}\\.[a-z]{2,4}",
        "[\"A-Z, ]{0,9}<[a-z]{1,9}@[a-z]{1,9}\\.[a-z]{2,3}>",
    ]
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in nearly_an_address(), bytes: Vec<u8>) {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            if let Err(bad) = parse_mailbox(&text) {
                prop_assert!(!bad.to_string().chars().any(char::is_control), "{bad:?}");
            }
        }
    }

    #[test]
    fn reading_again_changes_nothing(text in nearly_an_address()) {
        if let Ok(mailbox) = parse_mailbox(&text) {
            let again = EmailAddress::parse(mailbox.address.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), mailbox.address.as_str());
            prop_assert_eq!(again.key(), mailbox.address.key());
            let by_key = EmailAddress::parse(mailbox.address.key()).unwrap();
            prop_assert_eq!(by_key.key(), mailbox.address.key());
            prop_assert_eq!(by_key.as_str(), by_key.key());
            prop_assert!(mailbox.address.as_str().is_ascii() && mailbox.address.as_str().len() <= 254);
            prop_assert_eq!(parse_mailbox(&mailbox.to_string()).unwrap(), mailbox);
        }
    }
}
