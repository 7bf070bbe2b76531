//! A pattern: an address in which `any`, `*~` and a trailing `*` match more.

use super::address::{Address, Temporal};
use super::read::{AddressError, WILDCARD, read};
use std::fmt;
use std::str::FromStr;

/// Which addresses a reader wants.
///
/// `any` (or `*`) as agent, role, project, task or id matches every one; `*~`
/// matches every moment; a path that ends in `*` matches every path that starts
/// with what is before it, so `/#/*` matches an address without a path too.
/// What a pattern leaves off at its end it does not ask about:
/// `ucxl://any:any@COOEE:any` matches all of COOEE's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Address);

impl Pattern {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Does the reader want what has this address?
    pub fn matches(&self, address: &Address) -> bool {
        let pattern = &self.0;
        if let Some(id) = pattern.agent_id() {
            return address.agent_id().is_some_and(|other| id == WILDCARD || id == other);
        }
        let wanted = |index: usize| match (pattern.name(index), address.name(index)) {
            (Some(WILDCARD), Some(_)) => true,
            (name, other) => name == other,
        };
        if !(0..4).all(wanted) {
            return false;
        }
        let at_any_time = !pattern.0.temporal_given || pattern.temporal() == Temporal::Any;
        if !at_any_time && pattern.temporal() != address.temporal() {
            return false;
        }
        match pattern.path() {
            None => true,
            Some(path) => match path.strip_suffix('*') {
                Some(start) => address.path().unwrap_or_default().starts_with(start),
                None => address.path() == Some(path),
            },
        }
    }
}

impl FromStr for Pattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        read(text, true).map(|parts| Self(Address(parts)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, address: &str) -> bool {
        let pattern: Pattern = pattern.parse().unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let address: Address = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
        pattern.matches(&address)
    }

    #[test]
    fn wildcards_match_and_the_rest_must_be_equal() {
        let enrol = "ucxl://any:admin@COOEE:enrol/#/agentid/4A2B";
        for yes in [
            "ucxl://any:admin@COOEE:enrol/#/agentid/*",
            "ucxl://*:*@*:*/*~/*",
            "ucxl://any:any@any:any/#/*",
            "ucxl://any:any@any:any/*^/agentid/4A2B/",
            "ucxl://any:any@any:any",
            "ucxl://any:admin@COOEE:enrol/#",
            "ucxl://any:admin@COOEE:enrol/#/agentid/4A*",
            "ucxl://any:admin@COOEE:enrol/#/agentid/4A2B*",
        ] {
            assert!(matches(yes, enrol), "{yes}");
        }
        for no in [
            "ucxl://me:admin@COOEE:enrol/#/agentid/*",
            "ucxl://any:Admin@COOEE:enrol/#/agentid/*",
            "ucxl://any:admin@cooee:enrol/#/agentid/*",
            "ucxl://any:admin@COOEE:enrol/*~1/agentid/*",
            "ucxl://any:admin@COOEE:enrol/~~/*",
            "ucxl://any:admin@COOEE:enrol/#/agentid",
            "ucxl://any:admin@COOEE:enrol/#/agentid/4B*",
            "ucxl://any:admin@COOEE:enrol/#/agentid/4A2B/*",
            "ucxl://agentid:any",
        ] {
            assert!(!matches(no, enrol), "{no}");
        }
        assert!(matches("ucxl://any:any@any:any/#/*", "ucxl://a:b@c:d"));
        assert!(!matches("ucxl://any:any@any:any/#/x*", "ucxl://a:b@c:d"));
        assert!(matches("ucxl://a:b@c:d", "ucxl://a:b@c:d/~~3/x"));
        assert!(matches("ucxl://a:b@c:d/~~3", "ucxl://a:b@c:d/~~3/x"));
    }

    #[test]
    fn ids_match_ids_only() {
        assert!(matches("ucxl://agentid:*", "ucxl://agentid:458RV"));
        assert!(matches("ucxl://agentid:458RV", "ucxl://agentid:458RV"));
        assert!(!matches("ucxl://agentid:458RV", "ucxl://agentid:458rv"));
        assert!(!matches("ucxl://any:any@any:any", "ucxl://agentid:458RV"));
    }

    #[test]
    fn one_spelling_and_faults() {
        let printed = |text: &str| text.parse::<Pattern>().map(|pattern| pattern.to_string());
        assert_eq!(printed("ucxl://*:b@c:d/*^/x/*").as_deref(), Ok("ucxl://any:b@c:d/#/x/*"));
        assert_eq!(printed("ucxl://a:b@c:d/").as_deref(), Ok("ucxl://a:b@c:d"));
        for bad in ["ucxl://a:b@c:d/#/*/x", "ucxl://a:b@c:d/#/x**", "ucxl://a:b@c:d/#/*/", "ucxl://a:b@c:d/*"] {
            assert!(printed(bad).is_err(), "{bad}");
        }
    }
}
