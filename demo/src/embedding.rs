//! A deterministic text embedding, small enough to read.
//!
//! A text becomes a bag of features: its words without their endings, pairs of neighbouring
//! words, and the groups of 3 to 5 characters within words, so that `tablespace` is close to
//! `table`. A feature counts the more the rarer it is in the collection (IDF). Every feature's hash seeds a vector of random signs;
//! the weighted sum of these, scaled to length one, is the embedding. Such a random projection
//! keeps the angles between bags of features nearly as they are.
//!
//! It knows nothing of synonyms. A real application would ask a language model; for the database
//! it makes no difference where the numbers come from.

use std::collections::{HashMap, HashSet};

/// Dimensions of an embedding.
pub const DIM: usize = 256;
const WORD: f32 = 1.0;
const WORD_PAIR: f32 = 0.5;
const CHARACTERS: f32 = 0.12;
const SHORTEST_GROUP: usize = 3;
const LONGEST_GROUP: usize = 5;
/// Words that say nothing about what a text is about.
const STOP_WORDS: [&str; 35] = [
    "a", "an", "and", "another", "are", "as", "at", "be", "by", "do", "does", "for", "from", "how",
    "i", "in", "is", "it", "its", "me", "much", "of", "on", "or", "s", "that", "the", "this", "to",
    "was", "what", "when", "which", "with", "you",
];
const ENDINGS: [&str; 6] = ["ings", "ing", "es", "ed", "s", "e"];
/// What must remain of a word when its ending goes.
const SHORTEST_STEM: usize = 3;

/// Turns texts into vectors, with what it learned about a collection.
pub struct Embedder {
    weights: HashMap<u64, f32>,
}

impl Embedder {
    /// Learns from a collection how rare every feature is.
    pub fn learn<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let total = count(texts.len());
        let mut occurrences: HashMap<u64, usize> = HashMap::new();
        for text in texts {
            let features: HashSet<u64> = features(text).into_iter().map(|(hash, _)| hash).collect();
            for feature in features {
                *occurrences.entry(feature).or_default() += 1;
            }
        }
        let idf = |occurrences| (total / count(occurrences)).ln();
        Self {
            weights: occurrences
                .into_iter()
                .map(|(hash, n)| (hash, idf(n)))
                .collect(),
        }
    }

    /// The embedding of a text. Features that the collection does not have say nothing about it.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut bag: HashMap<u64, f32> = HashMap::new();
        for (hash, weight) in features(text) {
            let total = bag.entry(hash).or_default();
            // A word that occurs twice does not count twice as much.
            *total = total.hypot(weight);
        }
        let mut sum = [0.0; DIM];
        // In a fixed order, so that rounding is the same every time.
        let mut bag: Vec<(u64, f32)> = bag.into_iter().collect();
        bag.sort_unstable_by_key(|&(hash, _)| hash);
        for (hash, weight) in bag {
            if let Some(idf) = self.weights.get(&hash) {
                add_signs(&mut sum, hash, weight * idf);
            }
        }
        normalised(&sum)
    }
}

/// The features of a text with their weights; a feature may occur several times.
fn features(text: &str) -> Vec<(u64, f32)> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
        .map(stem)
        .collect();
    let single = words.iter().map(|word| (hash(&["word", word]), WORD));
    let pairs = words
        .windows(2)
        .map(|pair| (hash(&["pair", pair[0], pair[1]]), WORD_PAIR));
    let groups = words.iter().flat_map(|word| character_groups(word));
    single.chain(pairs).chain(groups).collect()
}

/// A word without its ending: `sizes` and `size` are both `siz`.
fn stem(word: &str) -> &str {
    ENDINGS
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
        .find(|stem| stem.len() >= SHORTEST_STEM)
        .unwrap_or(word)
}

fn character_groups(word: &str) -> Vec<(u64, f32)> {
    let marked: Vec<char> = format!("<{word}>").chars().collect();
    (SHORTEST_GROUP..=LONGEST_GROUP)
        .flat_map(|length| marked.windows(length))
        .map(|group| {
            (
                hash(&["group", &group.iter().collect::<String>()]),
                CHARACTERS,
            )
        })
        .collect()
}

/// FNV-1a over the parts, each ended by a byte that no text contains.
fn hash(parts: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0xff])) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state
}

/// Adds a feature's random signs, which its hash decides.
fn add_signs(sum: &mut [f32; DIM], hash: u64, weight: f32) {
    let mut state = hash;
    for block in sum.chunks_exact_mut(64) {
        let mut bits = splitmix(&mut state);
        for value in block {
            *value += if bits & 1 == 1 { weight } else { -weight };
            bits >>= 1;
        }
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Scaled to length one; the zero vector of a text without known features stays as it is.
fn normalised(sum: &[f32; DIM]) -> Vec<f32> {
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    sum.iter().map(|value| value * scale).collect()
}

#[expect(clippy::cast_precision_loss, reason = "collections are small")]
fn count(n: usize) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::Embedder;

    const TEXTS: [&str; 4] = [
        "total disk space used by a table",
        "terminate a server process",
        "distance between two points",
        "current date and time",
    ];

    fn similarity(embedder: &Embedder, left: &str, right: &str) -> f32 {
        embedder
            .embed(left)
            .iter()
            .zip(embedder.embed(right))
            .map(|(a, b)| a * b)
            .sum()
    }

    #[test]
    fn similar_texts_are_near() {
        let embedder = Embedder::learn(TEXTS.into_iter());
        let question = "how much disk space do tables use";
        let near = similarity(&embedder, question, TEXTS[0]);
        for other in &TEXTS[1..] {
            assert!(
                near > similarity(&embedder, question, other) + 0.2,
                "{other}"
            );
        }
        assert!((similarity(&embedder, TEXTS[1], TEXTS[1]) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_text_without_known_features_is_zero() {
        let embedder = Embedder::learn(TEXTS.into_iter());
        assert!(embedder.embed("???").iter().all(|value| *value == 0.0));
    }
}
