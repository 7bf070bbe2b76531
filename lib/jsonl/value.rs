//! What a scan has found, borrowed from its text: objects, members, values.
//!
//! Must not know how a text is checked: it trusts the scan.

use super::Elements;
use std::borrow::Cow;

/// A JSON value's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number that a double carries.
    Number,
    /// A string without lone surrogates.
    String,
    /// An array.
    Array,
    /// An object without duplicate keys.
    Object,
}

/// Where a member's parts lie in the text.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub key: (u32, u32),
    pub value: (u32, u32),
    pub kind: Kind,
    /// The key has a backslash in it.
    pub escaped: bool,
}

/// An object's members in their order, borrowed from its text.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    text: &'a str,
    members: &'a [Member],
}

/// One value, borrowed from its text, already checked.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    raw: &'a str,
    kind: Kind,
}

impl<'a> Object<'a> {
    /// What a scan has found in `text`.
    #[inline]
    pub(super) fn scanned(text: &'a str, members: &'a [Member]) -> Self {
        Self { text, members }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.members.iter().find(|member| self.key_is(member, key)).map(|member| self.value_of(member))
    }

    /// Keys and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
        let object = *self;
        object.members.iter().map(move |member| (object.key_of(member), object.value_of(member)))
    }

    /// As [`Object::iter`], with each key as it stands between its quotes too.
    pub(super) fn iter_with_raw_keys(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>, Value<'a>)> + use<'a> {
        let object = *self;
        object
            .members
            .iter()
            .map(move |member| (object.span(member.key), object.key_of(member), object.value_of(member)))
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Has it no member?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object's text, with the white space around it.
    pub fn text(&self) -> &'a str {
        self.text
    }

    fn key_is(&self, member: &Member, key: &str) -> bool {
        let (from, to) = member.key;
        if member.escaped {
            self.key_of(member) == key
        } else {
            (to - from) as usize == key.len() && &self.text.as_bytes()[from as usize..to as usize] == key.as_bytes()
        }
    }

    fn key_of(&self, member: &Member) -> Cow<'a, str> {
        let raw = self.span(member.key);
        if member.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    fn value_of(&self, member: &Member) -> Value<'a> {
        Value { raw: self.span(member.value), kind: member.kind }
    }

    fn span(&self, (from, to): (u32, u32)) -> &'a str {
        &self.text[from as usize..to as usize]
    }
}

impl<'a> Value<'a> {
    /// A value whose text a scan has checked already.
    #[inline]
    pub(super) fn checked(raw: &'a str, kind: Kind) -> Self {
        Self { raw, kind }
    }

    /// An array's elements.
    pub fn elements(&self) -> Option<Elements<'a>> {
        (self.kind == Kind::Array).then(|| Elements::of(self.raw))
    }

    /// The text as it stood.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A string's meaning; allocates only if it has escapes.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        (self.kind == Kind::String).then(|| {
            let inner = &self.raw[1..self.raw.len() - 1];
            if inner.contains('\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
        })
    }

    /// An integer written without fraction or exponent, 0 to 2^53 − 1.
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind == Kind::Number { self.raw.parse().ok() } else { None }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        if self.kind == Kind::Number { self.raw.parse().ok() } else { None }
    }

    /// A truth value.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Bool).then_some(self.raw == "true")
    }

    /// As a tree.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::from_str(self.raw).expect("the scan takes no text that serde_json refuses")
    }
}

/// The meaning of a string's inside, escapes already checked.
pub(super) fn unescape(inner: &str) -> String {
    let quoted = format!("\"{inner}\"");
    serde_json::from_str(&quoted).expect("the scan has checked the escapes")
}
