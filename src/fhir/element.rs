//! Walking through a resource that somebody sent, with the path of every element at hand for what is wrong with it.

use serde_json::Value;

use super::outcome::Issue;

/// An element, or the place where one would be.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    value: Option<&'a Value>,
    /// Where it stands: `Observation.component[0]`.
    pub path: String,
}

impl<'a> Element<'a> {
    /// The resource itself.
    pub fn root(value: &'a Value, path: impl Into<String>) -> Self {
        Self { value: Some(value), path: path.into() }
    }

    /// The element of this name.
    pub fn field(&self, name: &str) -> Self {
        Self { value: self.value.and_then(|value| value.get(name)), path: format!("{}.{name}", self.path) }
    }

    /// Whether it is there.
    pub fn there(&self) -> bool {
        self.value.is_some_and(|value| !value.is_null())
    }

    /// Every repetition.
    pub fn each(&self) -> Result<Vec<Self>, Issue> {
        match self.value {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(all)) => {
                let each = all.iter().enumerate();
                Ok(each.map(|(n, one)| Self { value: Some(one), path: format!("{}[{n}]", self.path) }).collect())
            }
            Some(_) => Err(self.wrong("structure", "This is a list in FHIR")),
        }
    }

    /// Its text, if it is there.
    pub fn text(&self) -> Result<Option<&'a str>, Issue> {
        match self.value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
                Err(self.wrong("value", "Control characters are not allowed"))
            }
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong("structure", "This is a text in FHIR")),
        }
    }

    /// Its text.
    pub fn need(&self) -> Result<&'a str, Issue> {
        self.text()?.ok_or_else(|| self.wrong("required", "This is needed"))
    }

    /// Its number, if it is there.
    pub fn number(&self) -> Result<Option<f64>, Issue> {
        match self.value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(_) => Err(self.wrong("structure", "This is a number in FHIR")),
        }
    }

    /// What is wrong with it.
    pub fn wrong(&self, code: &'static str, text: impl Into<String>) -> Issue {
        Issue::at(self.path.clone(), code, text)
    }

    /// Elements that change what the others mean and that are not understood here.
    pub fn refuse_modifiers(&self) -> Result<(), Issue> {
        for name in ["modifierExtension", "implicitRules"] {
            let field = self.field(name);
            if field.there() {
                return Err(field.wrong("not-supported", "It changes the meaning in a way that is not understood here"));
            }
        }
        Ok(())
    }
}
