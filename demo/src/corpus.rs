//! The texts: what the server itself says about its functions, operators, types and views.

use anyhow::Result;
use postgres::Client;

/// One described object of the server.
pub struct Document {
    /// What it is: a function, an operator, a setting ...
    pub kind: String,
    /// Its name as a person would write it.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The words of its name.
    words: String,
}

impl Document {
    /// What is embedded: the description, and the words that the name is made of.
    pub fn text(&self) -> String {
        format!("{} {}", self.description, self.words)
    }
}

/// All described objects of the server, in a fixed order.
pub fn read(client: &mut Client) -> Result<Vec<Document>> {
    let rows = client.query(include_str!("corpus.sql"), &[])?;
    let document = |row: &postgres::Row| Document {
        kind: row.get("kind"),
        name: row.get("name"),
        description: row.get("description"),
        words: row.get("words"),
    };
    Ok(rows.iter().map(document).collect())
}
