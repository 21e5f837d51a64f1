//! The templates of `triggers/`: SQL with `{name}` in it

/// Replaces `{name}` by its value, once: a value that looks like a placeholder stays as it is. Lines of comment are left
/// out, so that the schema that it is installed in does not carry them.
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    let lines: Vec<&str> = template.lines().filter(|line| !line.starts_with("--")).collect();
    let template = lines.join("\n");
    let mut filled = String::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}
