//! How we call ourselves wherever we fetch or post.

/// Who asks, in the form that Wikimedia's policy wants and that does elsewhere too: client, the operator's contact, library
/// (<https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy>).
#[must_use]
pub fn agent(contact: Option<&str>) -> String {
    // It stands in a comment of a header: brackets would end it, and other characters break it.
    let fits = |c: &char| (c.is_ascii_graphic() || *c == ' ') && !matches!(c, '(' | ')' | '\\');
    let contact: String = contact.unwrap_or_default().chars().filter(fits).collect();
    let contact = Some(contact.trim()).filter(|contact| !contact.is_empty()).unwrap_or("no contact given");
    format!("fanggen/{} ({contact}) reqwest/0.13", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_named_in_a_header_that_stays_whole() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(agent(Some("data@example.com")), format!("fanggen/{version} (data@example.com) reqwest/0.13"));
        assert_eq!(agent(Some("a)\r\n(ü b")), format!("fanggen/{version} (a b) reqwest/0.13"));
        assert_eq!(agent(Some("ü")), format!("fanggen/{version} (no contact given) reqwest/0.13"));
        assert_eq!(agent(None), format!("fanggen/{version} (no contact given) reqwest/0.13"));
    }
}
