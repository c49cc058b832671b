//! From a model's text to a translation that may be shown and run.

use crate::port::ModelFault;
use checkmill_workflow::translation::Translation;

/// Reads the answer to [`crate::translation_question`]. It must be one JSON object of the schema and nothing else: no fence
/// around it, no words before it, no key more and none twice.
///
/// # Errors
/// [`ModelFault::Bad`], with what is wrong.
pub fn translation(answer: &str) -> Result<Translation, ModelFault> {
    let translation: Translation = serde_json::from_str(answer).map_err(|error| {
        // The message of serde quotes names and values of the answer, which may be anything.
        ModelFault::Bad(format!(
            "not with the JSON object that it was asked for (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    translation
        .check()
        .map_err(|fault| ModelFault::Bad(fault.to_string()))?;
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_nothing_else() {
        let good = r#"{"shell":"bash","script":"echo","explanation":"","assumptions":[]}"#;
        assert_eq!(translation(good).unwrap().script, "echo");
        assert!(translation(&format!("\n {good}\n")).is_ok());
        for answer in [
            "",
            "Sure! Here is the script:",
            &format!("```json\n{good}\n```"),
            &format!("{good} {good}"),
            &good.replace("\"bash\"", "\"python\""),
            &good.replace("\"explanation\":\"\",", ""),
            &good.replace("[]", "[1]"),
            &good.replace("[]", "null"),
            &good.replace("{\"shell\"", "{\"permissions\":\"write-all\",\"shell\""),
            &good.replace("{\"shell\"", "{\"env\":{\"X\":\"${{ secrets.X }}\"},\"shell\""),
            &good.replace("{\"shell\"", "{\"script\":\"rm\",\"shell\""),
            "[]",
            "null",
        ] {
            let fault = translation(answer).unwrap_err().to_string();
            let begins = "answered badly: not with the JSON object that it was asked for (line 1, column ";
            let fenced = begins.replace("line 1", "line 2");
            assert!(
                fault.starts_with(begins) || fault.starts_with(&fenced),
                "{answer}: {fault}"
            );
        }
        let hostile = good.replace("echo", "echo ${{ secrets.X }}");
        insta::assert_snapshot!(translation(&hostile).unwrap_err(), @"answered badly: its script has `${{`: a translated step gets its inputs by variables, and no expression is filled in");
    }
}
