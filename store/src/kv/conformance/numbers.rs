//! Increments: what is a number, and where numbers end.

use super::Opener;
use super::bench::Bench;
use crate::kv::{Increment, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    counting(&opener.bench().await?).await?;
    what_is_a_number(&opener.bench().await?).await?;
    where_numbers_end(&opener.bench().await?).await?;
    none_is_lost(&opener.bench().await?).await?;
    an_increment_is_a_write(&opener.bench().await?).await
}

async fn counting(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.add("n", 0).await?, Increment::To(0));
    assert_eq!(bench.value("n").await?.as_deref(), Some("0"), "it is there from now on");
    assert_eq!(bench.add("n", 5).await?, Increment::To(5));
    assert_eq!(bench.add("n", -7).await?, Increment::To(-2));
    assert_eq!(bench.value("n").await?.as_deref(), Some("-2"));
    bench.set("n", "41").await?;
    assert_eq!(bench.add("n", 1).await?, Increment::To(42));
    bench.delete("n").await?;
    assert_eq!(bench.add("n", i64::MIN).await?, Increment::To(i64::MIN));
    Ok(())
}

async fn what_is_a_number(bench: &Bench<'_>) -> Result<()> {
    let cases = [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("+5", Some(5)),
        ("007", Some(7)),
        ("00000000000000000005", Some(5)),
        ("-00000000000000000005", Some(-5)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("10000000000000000000", None),
        ("99999999999999999999", None),
        ("", None),
        ("+", None),
        ("-", None),
        ("+-5", None),
        (" 5", None),
        ("5 ", None),
        ("5\n", None),
        ("5.0", None),
        ("5e3", None),
        ("0x5", None),
        ("1_000", None),
        ("five", None),
        ("\0", None),
        ("٥", None),
    ];
    for (text, number) in cases {
        bench.set("n", text).await?;
        let before = bench.find("n").await?;
        let expected = number.map_or(Increment::NoNumber, Increment::To);
        assert_eq!(bench.add("n", 0).await?, expected, "{text:?}");
        match number {
            Some(number) => assert_eq!(bench.value("n").await?, Some(number.to_string()), "{text:?}"),
            None => assert_eq!(bench.find("n").await?, before, "{text:?}: nothing was changed"),
        }
    }
    let bytes = crate::kv::Write::Set("n".to_owned(), bytes::Bytes::from_static(&[0xff, b'5']));
    bench.write(vec![bytes]).await?;
    assert_eq!(bench.add("n", 1).await?, Increment::NoNumber);
    Ok(())
}

async fn where_numbers_end(bench: &Bench<'_>) -> Result<()> {
    for (from, by, sum) in [
        (i64::MAX, 1, None),
        (i64::MAX, i64::MAX, None),
        (i64::MIN, -1, None),
        (i64::MIN, i64::MIN, None),
        (-1, i64::MIN, None),
        (i64::MAX - 1, 1, Some(i64::MAX)),
        (i64::MIN + 1, -1, Some(i64::MIN)),
        (i64::MAX, i64::MIN, Some(-1)),
    ] {
        bench.set("n", &from.to_string()).await?;
        let before = bench.find("n").await?;
        let expected = sum.map_or(Increment::Overflow, Increment::To);
        assert_eq!(bench.add("n", by).await?, expected, "{from} + {by}");
        if sum.is_none() {
            assert_eq!(bench.find("n").await?, before, "{from} + {by}: nothing was changed");
        }
    }
    Ok(())
}

async fn none_is_lost(bench: &Bench<'_>) -> Result<()> {
    let all = futures_util::future::try_join_all((0..100).map(|_| bench.add("n", 1))).await?;
    let mut sums: Vec<i64> = all
        .into_iter()
        .map(|increment| match increment {
            Increment::To(sum) => sum,
            other => panic!("{other:?}"),
        })
        .collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=100).collect::<Vec<_>>(), "each is told a sum of its own");
    Ok(())
}

async fn an_increment_is_a_write(bench: &Bench<'_>) -> Result<()> {
    bench.add("n", 1).await?;
    let one = bench.version("n").await?;
    bench.add("n", 0).await?;
    assert_ne!(bench.version("n").await?, one);
    bench.declare("a", Some(1_000)).await?;
    bench.add("n", 1).await?;
    bench.clock.turn(999);
    bench.add("n", 1).await?;
    bench.clock.turn(999);
    assert_eq!(bench.value("n").await?.as_deref(), Some("3"), "its time begins anew");
    bench.clock.turn(1);
    assert_eq!(bench.add("n", 10).await?, Increment::To(10), "what has expired counts for nothing");
    bench.declare("a", None).await?;
    bench.add("n", 1).await?;
    bench.clock.turn(i64::from(u32::MAX));
    assert_eq!(bench.value("n").await?.as_deref(), Some("11"));
    Ok(())
}
