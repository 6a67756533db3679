//! Waiting for conditions, always with a deadline, never for a fixed time.

use std::future::Future;
use std::time::Duration;

use crate::Outcome;

/// How long a condition may rest between two looks at it.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Looks again and again until `look` finds something. Gives up after `limit`, saying `what` was waited for and what
/// was seen last: a look that fails is an observation too, as servers come and go in these tests.
pub async fn eventually<T, F, L>(what: &str, limit: Duration, mut look: L) -> Outcome<T>
where
    F: Future<Output = Outcome<Option<T>>>,
    L: FnMut() -> F,
{
    let mut seen = "nothing yet".to_owned();
    let waiting = async {
        let mut pause = Duration::from_millis(10);
        loop {
            match look().await {
                Ok(Some(found)) => return found,
                Ok(None) => seen = "not yet".into(),
                Err(trouble) => seen = trouble.to_string(),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    };
    match tokio::time::timeout(limit, waiting).await {
        Ok(found) => Ok(found),
        Err(_) => Err(format!("waited {limit:?} for {what}; last: {seen}").into()),
    }
}

/// The same for one future that ends by itself.
pub async fn within<T>(what: &str, limit: Duration, future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(result) => result,
        Err(_) => Err(format!("waited {limit:?} for {what}").into()),
    }
}

/// Lets everything else here go on so many times: a moment drawn at random, counted in turns instead of time.
pub async fn turns(number: u32) {
    for _ in 0..number {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finds_what_comes_late() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(10), || {
            looks += 1;
            let now = (looks == 3).then_some(looks);
            async move { Ok(now) }
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn gives_up_and_says_what_it_saw() {
        let never = eventually::<(), _, _>("a miracle", Duration::from_millis(50), || async {
            Err("rain".into())
        });
        let trouble = never.await.unwrap_err().to_string();
        assert!(
            trouble.contains("a miracle") && trouble.contains("rain"),
            "{trouble}"
        );
    }
}
