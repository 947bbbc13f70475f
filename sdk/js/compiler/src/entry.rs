//! The module that the interpreter begins with: it hands the user's module to the prelude and exports what comes back.

use crate::program::{PARTS, PRELUDE, Program};

/// The text of the module.
pub(crate) fn text(program: &Program) -> String {
    let app = serde_json::Value::from(program.entry.as_str());
    let maps = serde_json::json!(program.maps());
    // An import() of these may come with any request, when no module can be loaded any more. They fail by themselves.
    let on_demand: Vec<_> = program
        .on_demand
        .iter()
        .map(|name| format!("import({})", serde_json::Value::from(name.as_str())))
        .collect();
    let on_demand = on_demand.join(", ");
    let extensions: String = program.extensions.iter().map(|name| format!("import \"{name}\";\n")).collect();
    format!(
        "import {{ install }} from \"{PRELUDE}\";\n\
         import \"{PARTS}\";\n\
         {extensions}\
         import * as app from {app};\n\
         await Promise.allSettled([{on_demand}]);\n\
         const exported = install(app, {{ maps: {maps} }});\n\
         export const handler = exported.handler;\n\
         export const scheduledAsync = exported.scheduledAsync;\n\
         export const queuedAsync = exported.queuedAsync;\n\
         __cqjs.runGc();"
    )
}
