//! An address: who, in which role, on what; when; and where within it.

use super::read::{AddressError, Names, Parts, read};
use std::fmt;
use std::str::FromStr;

/// Which moment of the thing is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Temporal {
    /// As it is now, `#`. Also read from `*^` (latest), and meant by an address
    /// that names no moment.
    Now,
    /// Any moment, `*~`.
    Any,
    /// Version N, `*~N`.
    Version(u64),
    /// N steps back, `~~N`; `~~` leaves the number open.
    Back(Option<u64>),
    /// N steps forward, `^^N`; `^^` leaves the number open.
    Forward(Option<u64>),
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("#"),
            Self::Any => f.write_str("*~"),
            Self::Version(number) => write!(f, "*~{number}"),
            Self::Back(None) => f.write_str("~~"),
            Self::Back(Some(steps)) => write!(f, "~~{steps}"),
            Self::Forward(None) => f.write_str("^^"),
            Self::Forward(Some(steps)) => write!(f, "^^{steps}"),
        }
    }
}

/// `ucxl://agent:role@project:task/temporal/path` or `ucxl://agentid:ID`, held
/// in its canonical spelling. Equal addresses have equal text. Case counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub(super) Parts);

impl Address {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Who; `any` for a wildcard. `None` for `ucxl://agentid:ID`, as in all
    /// parts but [`Address::agent_id`].
    pub fn agent(&self) -> Option<&str> {
        self.name(0)
    }

    /// In which role.
    pub fn role(&self) -> Option<&str> {
        self.name(1)
    }

    /// On which project.
    pub fn project(&self) -> Option<&str> {
        self.name(2)
    }

    /// On which task.
    pub fn task(&self) -> Option<&str> {
        self.name(3)
    }

    /// Which moment; now where none is named.
    pub fn temporal(&self) -> Temporal {
        self.0.temporal
    }

    /// The path, without the slash before it.
    pub fn path(&self) -> Option<&str> {
        self.0.path.clone().map(|range| &self.0.text[range])
    }

    /// The id of `ucxl://agentid:ID`, as it was written.
    pub fn agent_id(&self) -> Option<&str> {
        match &self.0.names {
            Names::AgentId(range) => Some(&self.0.text[range.clone()]),
            Names::Task(_) => None,
        }
    }

    pub(super) fn name(&self, index: usize) -> Option<&str> {
        match &self.0.names {
            Names::Task(ranges) => Some(&self.0.text[ranges[index].clone()]),
            Names::AgentId(_) => None,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        read(text, false).map(Self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::LIMIT_BYTES;
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> String {
        text.parse::<Address>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    fn fault(text: &str) -> AddressError {
        text.parse::<Address>().expect_err(text)
    }

    #[test]
    fn three_generations_are_read_and_one_is_printed() {
        for (read, want) in [
            ("ucxl://any:admin@COOEE:enrol/#/agentid/4A2B", "ucxl://any:admin@COOEE:enrol/#/agentid/4A2B"),
            ("ucxl://*:admin@COOEE:enrol/*^/agentid/4A2B/", "ucxl://any:admin@COOEE:enrol/#/agentid/4A2B"),
            ("ucxl://a:b@c:d", "ucxl://a:b@c:d/#"),
            ("ucxl://a:b@c:d/", "ucxl://a:b@c:d/#"),
            ("ucxl://a:b@c:d/#/", "ucxl://a:b@c:d/#"),
            ("ucxl://a-1:B_2@*:any/*~/x.y/z", "ucxl://a-1:B_2@any:any/*~/x.y/z"),
            ("ucxl://a:b@c:d/*~007", "ucxl://a:b@c:d/*~7"),
            ("ucxl://a:b@c:d/~~/...", "ucxl://a:b@c:d/~~/..."),
            ("ucxl://a:b@c:d/~~3", "ucxl://a:b@c:d/~~3"),
            ("ucxl://a:b@c:d/^^", "ucxl://a:b@c:d/^^"),
            ("ucxl://a:b@c:d/^^18446744073709551615", "ucxl://a:b@c:d/^^18446744073709551615"),
            ("ucxl://agentid:458RV", "ucxl://agentid:458RV"),
            ("ucxl://agentid:458RV/", "ucxl://agentid:458RV"),
            ("ucxl://agentid:b@c:d", "ucxl://agentid:b@c:d/#"),
        ] {
            assert_eq!(printed(read), want, "{read}");
        }
    }

    #[test]
    fn parts_are_where_they_belong() {
        let address: Address = "ucxl://me:*@COOEE:trust/*^/signal/x-1/".parse().expect("good");
        assert_eq!(address.agent(), Some("me"));
        assert_eq!(address.role(), Some("any"));
        assert_eq!(address.project(), Some("COOEE"));
        assert_eq!(address.task(), Some("trust"));
        assert_eq!(address.temporal(), Temporal::Now);
        assert_eq!(address.path(), Some("signal/x-1"));
        assert_eq!(address.agent_id(), None);
        let agent: Address = "ucxl://agentid:458rv".parse().expect("good");
        assert_eq!((agent.agent_id(), agent.agent(), agent.path()), (Some("458rv"), None, None));
    }

    #[test]
    fn faults_are_named_with_their_position() {
        let character = |character, part, position| AddressError::Character { character, part, position };
        let empty = |part, position| AddressError::Empty { part, position };
        assert_eq!(fault(""), AddressError::Scheme);
        assert_eq!(fault("http://a:b@c:d"), AddressError::Scheme);
        assert_eq!(fault("UCXL://a:b@c:d"), AddressError::Scheme);
        assert_eq!(fault(" ucxl://a:b@c:d"), AddressError::Scheme);
        assert_eq!(fault("ucxl://"), empty("agent", 8));
        assert_eq!(fault("ucxl://:b@c:d"), empty("agent", 8));
        assert_eq!(fault("ucxl://a:@c:d"), empty("role", 10));
        assert_eq!(fault("ucxl://a:b@:d"), empty("project", 12));
        assert_eq!(fault("ucxl://a:b@c:/#"), empty("task", 14));
        assert_eq!(fault("ucxl://agentid:"), empty("id", 16));
        assert_eq!(fault("ucxl://a:b@c:d\0"), character('\0', "task", 15));
        assert_eq!(fault("ucxl://é:b@c:d"), character('é', "agent", 8));
        assert_eq!(fault("ucxl://a.b:b@c:d"), character('.', "agent", 9));
        assert_eq!(fault("ucxl://a*:b@c:d"), character('*', "agent", 9));
        assert_eq!(fault("ucxl://**:b@c:d"), character('*', "agent", 9));
        assert_eq!(fault("ucxl://a:b@c:d?x"), character('?', "task", 15));
        assert_eq!(fault("ucxl://a:b@c:d/#/x y"), character(' ', "path segment", 19));
        assert_eq!(fault("ucxl://a:b@c:d/#/x:y"), character(':', "path segment", 19));
        assert_eq!(fault("ucxl://a:b@c:d/#/:y"), character(':', "path segment", 18));
        assert_eq!(fault("ucxl://a:b@c:d/#/x/*"), character('*', "path segment", 20));
        let separator = |separator, part, position| AddressError::Separator { separator, part, position };
        assert_eq!(fault("ucxl://a@c:d"), separator(':', "agent", 9));
        assert_eq!(fault("ucxl://a:b:c:d"), separator('@', "role", 11));
        assert_eq!(fault("ucxl://a:b@c"), separator(':', "project", 13));
        assert_eq!(fault("ucxl://a:b@c:d:e"), separator('/', "task", 15));
        for time in
            ["path", "*", "##", "*~x", "*~-1", "~~1x", "^^+1", "~", "^1", "*^1", "é", "", "~~18446744073709551616"]
        {
            let text = format!("ucxl://a:b@c:d/{time}/x");
            assert_eq!(fault(&text), AddressError::Temporal { position: 16 }, "{text}");
        }
        assert_eq!(fault("ucxl://a:b@c:d//"), AddressError::Temporal { position: 16 });
        assert_eq!(fault("ucxl://a:b@c:d/#//"), empty("path segment", 18));
        assert_eq!(fault("ucxl://a:b@c:d/#/x//y"), empty("path segment", 20));
        assert_eq!(fault("ucxl://a:b@c:d/#/x//"), empty("path segment", 20));
        assert_eq!(fault("ucxl://a:b@c:d/#/./x"), AddressError::Dots { position: 18 });
        assert_eq!(fault("ucxl://a:b@c:d/#/x/.."), AddressError::Dots { position: 20 });
        assert_eq!(fault("ucxl://agentid:458RV/#"), AddressError::AfterId { position: 21 });
    }

    #[test]
    fn the_limit_is_exact() {
        let long = |length: usize| format!("ucxl://a:b@c:d/#/{}", "x".repeat(length - 17));
        assert!(long(LIMIT_BYTES).parse::<Address>().is_ok());
        assert_eq!(fault(&long(LIMIT_BYTES + 1)), AddressError::TooLong);
        assert_eq!(fault(&long(10 * 1024)), AddressError::TooLong);
    }

    proptest! {
        #[test]
        fn the_canonical_text_reads_back_as_itself(
            text in r"ucxl://(any|\*|[A-Za-z0-9_-]{1,9}):(\*|[a-z]{1,9})@[A-Z]{1,9}:(any|[a-z]{1,9})(/((#|\*\^|\*~[0-9]{0,6}|~~[0-9]{0,6}|\^\^[0-9]{0,6})(/([a-z_-][a-z._-]{0,5}/){0,4}[a-z0-9]{1,5})?/?)?)?"
        ) {
            let address: Address = text.parse().expect("follows the grammar");
            let again: Address = address.as_str().parse().expect("canonical");
            prop_assert_eq!(&again, &address);
            prop_assert_eq!(again.to_string(), address.to_string());
            prop_assert!(!address.as_str().ends_with('/'));
            prop_assert!(address.role() != Some("*"));
        }

        #[test]
        fn nothing_panics(text in r"(ucxl://)?[ -~é\x00]{0,40}", near in r"ucxl://[a*é:@/#~^.]{0,30}") {
            for text in [&text, &near] {
                if let Ok(address) = text.parse::<Address>() {
                    prop_assert_eq!(address.as_str().parse::<Address>(), Ok(address.clone()));
                }
                let _ = text.parse::<super::super::Pattern>();
            }
        }
    }
}
