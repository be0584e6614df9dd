//! The `User-Agent` of every request.

/// The `User-Agent` in the form that Wikimedia's policy asks for: client, the operator's contact, library
/// (<https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy>).
#[must_use]
pub fn user_agent(contact: Option<&str>) -> String {
    // The contact stands in a header comment: parentheses would end it, and other characters would break it.
    let allowed = |c: &char| (c.is_ascii_graphic() || *c == ' ') && !matches!(c, '(' | ')' | '\\');
    let contact: String = contact.unwrap_or_default().chars().filter(allowed).collect();
    let contact = Some(contact.trim()).filter(|contact| !contact.is_empty()).unwrap_or("no contact given");
    format!("fanggen/{} ({contact}) reqwest/0.13", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contact_cannot_break_the_header() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(user_agent(Some("data@example.com")), format!("fanggen/{version} (data@example.com) reqwest/0.13"));
        assert_eq!(user_agent(Some("a)\r\n(ü b")), format!("fanggen/{version} (a b) reqwest/0.13"));
        assert_eq!(user_agent(Some("ü")), format!("fanggen/{version} (no contact given) reqwest/0.13"));
        assert_eq!(user_agent(None), format!("fanggen/{version} (no contact given) reqwest/0.13"));
    }
}
