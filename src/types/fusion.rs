//! What a row of a ranked list counts when several lists become one, as in hybrid search. A null
//! stands for a row that a list does not have.

use super::error;
use super::function::sql_functions;

sql_functions! { "fusion":
    // Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet and individual
    // Rank Learning Methods, SIGIR 2009.
    fn reciprocal_rank(rank: Option<i64>, k: Option<i32>) -> f64 {
        let k = match k {
            Some(k) if k > 0 => f64::from(k),
            Some(k) => error::bad_rank_constant(k),
            None => error::null_parameter("k"),
        };
        match rank {
            Some(rank) if rank > 0 => 1.0 / (k + rank as f64),
            Some(rank) => error::bad_rank(rank),
            None => 0.0,
        }
    }

    fn relative_score(score: Option<f64>, worst: Option<f64>, best: Option<f64>) -> f64 {
        let Some(score) = score else {
            return 0.0;
        };
        let (Some(worst), Some(best)) = (worst, best) else {
            error::null_parameter("worst and best");
        };
        if score.is_nan() {
            error::score_is_nan();
        }
        let range = best - worst;
        if !range.is_finite() {
            error::unbounded_scores();
        }
        if range == 0.0 {
            return 1.0;
        }
        // Not -0 where a falling range begins.
        ((score - worst) / range).clamp(0.0, 1.0).abs()
    }
}
