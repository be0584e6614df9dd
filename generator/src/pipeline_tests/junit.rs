//! The report of tests in the XML of JUnit, which CI servers read.

use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::TestResult;
use crate::config::mistake::tidy;

/// The report: one suite, with a case for each test.
#[must_use]
pub fn report(pipeline: &str, file: &str, results: &[TestResult]) -> Vec<u8> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into memory cannot fail.
    let _ = write(&mut writer, pipeline, file, results);
    let mut xml = writer.into_inner();
    xml.push(b'\n');
    xml
}

fn write(writer: &mut Writer<Vec<u8>>, pipeline: &str, file: &str, results: &[TestResult]) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let count = |counts: fn(&TestResult) -> bool| results.iter().filter(|result| counts(result)).count().to_string();
    let (failures, errors) = (count(|result| !result.unmet.is_empty()), count(|result| result.error.is_some()));
    let (tests, time) = (results.len().to_string(), seconds(results.iter().map(|result| result.took).sum()));
    let totals = [("tests", &*tests), ("failures", &*failures), ("errors", &*errors), ("time", &*time)];
    let suites = writer.create_element("testsuites").with_attribute(("name", pipeline)).with_attributes(totals);
    suites.write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attribute(("name", pipeline)).with_attributes(totals);
        suite.write_inner_content(|writer| results.iter().try_for_each(|result| case(writer, file, result)))?;
        Ok(())
    })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, file: &str, result: &TestResult) -> std::io::Result<()> {
    let (name, time) = (tidy(&result.name), seconds(result.took));
    let case = writer.create_element("testcase").with_attributes([
        ("name", &*name),
        ("classname", &*result.environment),
        ("file", file),
        ("time", &*time),
    ]);
    if result.passed() {
        case.write_empty()?;
        return Ok(());
    }
    case.write_inner_content(|writer| {
        if let Some(error) = &result.error {
            let message = tidy(&error.message);
            let attributes = [("message", &*message), ("type", error.code.as_str())];
            writer.create_element("error").with_attributes(attributes).write_empty()?;
        }
        for unmet in &result.unmet {
            let message = tidy(&format!("expected {}, found {}", unmet.expected, unmet.found));
            let failure =
                writer.create_element("failure").with_attributes([("message", &*message), ("type", "expectation")]);
            let note = tidy(unmet.note.as_deref().unwrap_or_default());
            failure.write_text_content(BytesText::new(&note))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn seconds(took: Duration) -> String {
    format!("{:.6}", took.as_secs_f64())
}
