//! What stands in the mails that the server sends: plain text, with one link.

use super::Letter;

/// What a mail says.
pub(super) struct Words<'w> {
    /// Why it is written.
    pub(super) letter: Letter,
    /// Who writes, as people read it.
    pub(super) name: Option<&'w str>,
    /// Where it leads, with the token.
    pub(super) link: &'w str,
}

impl Words<'_> {
    pub(super) fn subject(&self) -> String {
        let subject = match self.letter {
            Letter::Verify => "Verify your e-mail address",
            Letter::Reset => "Set a new password",
            Letter::Invite => "You are invited",
        };
        self.name.map_or_else(|| subject.to_owned(), |name| format!("{name}: {subject}"))
    }

    pub(super) fn text(&self) -> String {
        let at = self.name.map(|name| format!(" at {name}")).unwrap_or_default();
        let (why, what) = match self.letter {
            Letter::Verify => (
                format!("This address was given for an account{at}."),
                "To show that it is yours, open this link within a day:",
            ),
            Letter::Reset => (
                format!("Somebody, probably you, wants to set a new password for your account{at}."),
                "To do so, open this link within an hour:",
            ),
            Letter::Invite => (
                format!("An account was made for you{at}."),
                "To set your password, open this link within 7 days:",
            ),
        };
        let link = self.link;
        format!("{why}\n{what}\n\n{link}\n\nIf you do not know of it, there is nothing to do.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_says_who_writes_and_where_to_go() {
        for (letter, name, subject, at) in [
            (Letter::Verify, Some("Shop"), "Shop: Verify your e-mail address", "account at Shop."),
            (Letter::Reset, None, "Set a new password", "for your account."),
            (Letter::Invite, Some("Shop"), "Shop: You are invited", "for you at Shop."),
        ] {
            let words = Words { letter, name, link: "https://a.b/#t" };
            assert_eq!(words.subject(), subject);
            let text = words.text();
            assert!(text.contains(at) && text.contains("\n\nhttps://a.b/#t\n\n"), "{text}");
        }
    }
}
