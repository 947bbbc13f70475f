//! The `[site]` section.

use store::catalog::{CacheRule, HeaderRule};
use toml::Spanned;
use toml::de::DeValue;

use super::SiteSettings;
use super::function::{fault, folder};
use super::reader::{At, Fault, Section};
use crate::registry::settings;

/// Reads the section, if there is one.
pub(super) fn site(root: &Section<'_, '_>) -> Result<Option<SiteSettings>, Fault> {
    let Some(section) = root.section("site")? else { return Ok(None) };
    section.allow(&["folder", "fallback", "not_found", "cache", "headers", "previews"], &[])?;
    let Some((text, at)) = section.string("folder")? else {
        return Err(Fault::at(section.start(), "the site has no `folder`")
            .hint("name the folder with its files: folder = \"public\""));
    };
    Ok(Some(SiteSettings {
        folder: folder(text, at)?,
        fallback: file(&section, "fallback")?,
        not_found: file(&section, "not_found")?,
        cache: rules(&section, "cache", cache)?,
        headers: rules(&section, "headers", header)?,
        previews: section.boolean("previews")?.is_some_and(|(is_on, _)| is_on),
    }))
}

/// The name of a file in the folder.
fn file(section: &Section<'_, '_>, key: &str) -> Result<Option<String>, Fault> {
    let Some((name, at)) = section.string(key)? else { return Ok(None) };
    if name.is_empty() || name.starts_with('/') || name.split('/').any(|part| matches!(part, "" | "." | ".."))
    {
        let message = format!("`{}` is not the name of a file in the folder", name.escape_debug());
        return Err(Fault::at(at, message).hint(format!("write for example {key} = \"index.html\"")));
    }
    settings::check_site_file(name).map_err(|refused| fault(at, refused))?;
    Ok(Some(name.to_owned()))
}

fn rules<T>(
    section: &Section<'_, '_>,
    key: &str,
    read: impl Fn(&Section<'_, '_>, String) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut rules = Vec::new();
    for value in section.array(key)?.into_iter().flatten() {
        if rules.len() >= settings::MAX_RULES {
            let message = format!("more than {} rules in `{}`", settings::MAX_RULES, section.name(key));
            return Err(Fault::at(value.span().start, message));
        }
        rules.push(rule(section, key, value, &read)?);
    }
    Ok(rules)
}

fn rule<T>(
    section: &Section<'_, '_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    read: impl Fn(&Section<'_, '_>, String) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let table = Section::of(section.name(key), value)?;
    let (path, at) = wanted(&table, "path")?;
    settings::check_rule_path(path).map_err(|refused| fault(at, refused))?;
    read(&table, path.to_owned())
}

fn cache(table: &Section<'_, '_>, path: String) -> Result<CacheRule, Fault> {
    table.allow(&["path", "value"], &[])?;
    let (value, at) = wanted(table, "value")?;
    settings::check_cache(value).map_err(|refused| fault(at, refused))?;
    Ok(CacheRule { path, value: value.to_owned() })
}

fn header(table: &Section<'_, '_>, path: String) -> Result<HeaderRule, Fault> {
    table.allow(&["path", "name", "value"], &[])?;
    let ((name, at), (value, _)) = (wanted(table, "name")?, wanted(table, "value")?);
    let name = settings::check_header(name, value).map_err(|refused| fault(at, refused))?;
    Ok(HeaderRule { path, name, value: value.to_owned() })
}

fn wanted<'t>(table: &Section<'t, '_>, key: &str) -> Result<At<&'t str>, Fault> {
    table.string(key)?.ok_or_else(|| Fault::at(table.start(), format!("this rule has no `{key}`")))
}
