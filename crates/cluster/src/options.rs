//! Settings of a throwaway server.

use std::fmt::Write;

/// The lines appended to `postgresql.conf`, on top of defaults that suit a throwaway server.
#[derive(Debug, Clone)]
pub struct Options {
    settings: Vec<(String, String)>,
}

impl Default for Options {
    /// Nothing survives a power cut (`fsync = off`), but everything committed survives the death
    /// of every process: what was written stays in the kernel's cache. Autovacuum is off so that
    /// tests decide when a vacuum runs; so is JIT, which starts where `enable_seqscan = off` makes
    /// plans look dear.
    fn default() -> Self {
        Self {
            settings: Vec::new(),
        }
        .set("fsync", "off")
        .set("autovacuum", "off")
        .set("jit", "off")
        .set("max_connections", "50")
        .set("shared_buffers", "128MB")
        .set("log_line_prefix", "%m [%p] %q%d ")
        .set("timezone", "UTC")
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a setting; a later one of the same name wins.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The settings as lines of a configuration file.
    pub(crate) fn to_conf(&self) -> String {
        self.settings
            .iter()
            .fold(String::new(), |mut lines, (name, value)| {
                let _ = writeln!(lines, "{name} = '{}'", value.replace('\'', "''"));
                lines
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn values_are_quoted() {
        let conf = Options::new().set("application_name", "it's").to_conf();
        assert!(conf.ends_with("application_name = 'it''s'\n"), "{conf}");
    }
}
