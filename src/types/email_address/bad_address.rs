//! Why a text is not an address: one sentence each, for the person who typed it, that names what is
//! wrong and says what to do. The page shows the text itself beside the sentence.

use super::letters::Snippet;

/// The reasons for refusing a text as an e-mail address (`spec/product.md`, *Invitations*).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    #[error("There is no address here. Type one, like ann.lee@hospital.example.")]
    Empty,
    #[error("There is no “@”. Write the whole address, like ann.lee@hospital.example.")]
    NoAt,
    #[error("There is more than one “@”. Take out the one too many.")]
    TwoAts,
    #[error("There is more than one address here. Put each on a line of its own.")]
    Several,
    #[error("Nothing stands before the “@”. Add the part before it, like ann.lee.")]
    NothingBefore,
    #[error("Nothing stands after the “@”. Add the part after it, like hospital.example.")]
    NothingAfter,
    #[error("“{0}” after the “@” has no dot. Write all of it, like hospital.example.")]
    NoDot(Snippet),
    #[error("A dot is misplaced in “{0}”: at its start, at its end, or two in a row. Take it out.")]
    MisplacedDot(Snippet),
    #[error("What follows the “@” is a computer's number, not a name. Write a name there, like hospital.example.")]
    AddressLiteral,
    #[error(
        "The part before the “@” is in quotation marks, which many mail servers refuse. Ask for an address without them."
    )]
    QuotedLocalPart,
    #[error("There is a space after “{0}”. Take it out, or put each address on a line of its own.")]
    SpaceInside(Snippet),
    #[error("There is a comma after “{0}”. Put a dot there if one was meant, or each address on a line of its own.")]
    Comma(Snippet),
    #[error("There is {name} {place}, which nobody can see. Type the address by hand instead of pasting it.")]
    Invisible { name: String, place: Place },
    #[error("There is a control character ({code}) {place}. Type the address by hand instead of pasting it.")]
    ControlCharacter { code: String, place: Place },
    #[error("A letter {place} could not be read. Choose another encoding for the file, or type the address by hand.")]
    Unreadable { place: Place },
    #[error(
        "The letter “{letter}” in “{within}” is {script}, among {others} letters. It may look right, but the mail would go elsewhere: type the address by hand."
    )]
    MixedScripts { letter: char, within: Snippet, script: &'static str, others: &'static str },
    #[error(
        "“{within}” is written wholly in {script} letters that look like Latin ones, so the mail would go elsewhere. Type the address by hand."
    )]
    LookAlike { within: Snippet, script: &'static str },
    #[error(
        "The part before the “@” holds “{0}”. Only plain letters without accents, digits and signs can be sent to: ask for the plain spelling."
    )]
    NonAsciiLocalPart(char),
    #[error("This is longer than 254 characters, more than any mail server takes. Check that it is one address.")]
    TooLong,
    #[error("The part before the “@” is longer than 64 characters, more than any mail server takes. Check it.")]
    LocalPartTooLong,
    #[error("This starts with “{0}”, as a spreadsheet's formula does. Write the address itself.")]
    Formula(char),
    #[error(
        "The brackets < > do not enclose one address at the end. Write Ann Lee <ann.lee@hospital.example>, or the address alone."
    )]
    Brackets,
    #[error("There is a “{0}”, which an address cannot hold. Take it out.")]
    Forbidden(char),
    #[error("“{0}” after the “@” is not a name that the internet allows. Check its spelling.")]
    BadDomain(Snippet),
    #[error("No mail program takes this address. Check its spelling.")]
    Unsendable,
}

/// Where in the text the trouble is, told by what can be seen in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    AtTheStart,
    After(Snippet),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::AtTheStart => f.write_str("at the start"),
            Place::After(text) => write!(f, "after “{text}”"),
        }
    }
}
