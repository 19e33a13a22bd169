//! Kubernetes' quantities, so that `1000m` and `1` are the same. Pure.

/// Billionths: the finest that Kubernetes knows.
const ONE: i128 = 1_000_000_000;

/// A quantity in billionths; `None` when the text is none.
pub(super) fn parse(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'));
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let number = decimal(number)?;
    match suffix {
        "" => Some(number),
        "n" => Some(number / ONE),
        "u" => Some(number / 1_000_000),
        "m" => Some(number / 1_000),
        "k" => number.checked_mul(1_000),
        "M" => number.checked_mul(1_000_000),
        "G" => number.checked_mul(ONE),
        "T" => number.checked_mul(1_000 * ONE),
        "P" => number.checked_mul(1_000_000 * ONE),
        "E" => number.checked_mul(ONE * ONE),
        "Ki" => number.checked_mul(1 << 10),
        "Mi" => number.checked_mul(1 << 20),
        "Gi" => number.checked_mul(1 << 30),
        "Ti" => number.checked_mul(1 << 40),
        "Pi" => number.checked_mul(1 << 50),
        "Ei" => number.checked_mul(1 << 60),
        exponent => scientific(number, exponent),
    }
}

fn decimal(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = (!whole.is_empty() || !fraction.is_empty())
        && whole.len() + fraction.len() < 20
        && [whole, fraction]
            .concat()
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let whole: i128 = format!("0{whole}").parse().ok()?;
    let fraction: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    Some(sign * (whole * ONE + fraction))
}

fn scientific(number: i128, exponent: &str) -> Option<i128> {
    let exponent: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
    let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 {
        Some(number / factor)
    } else {
        number.checked_mul(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_is_equal_however_it_is_written() {
        let table = [
            ("1000m", "1"),
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("2E", "2000P"),
            ("100000000n", "0.1"),
            ("-1", "-1000m"),
            (".5", "0.5"),
        ];
        for (left, right) in table {
            assert!(parse(left).is_some(), "{left}");
            assert_eq!(parse(left), parse(right), "{left} {right}");
        }
    }

    #[test]
    fn different_amounts_differ_and_what_is_no_quantity_is_none() {
        for (left, right) in [("1G", "1Gi"), ("1", "1m"), ("10", "1"), ("5Gi", "10Gi")] {
            assert_ne!(parse(left), parse(right), "{left} {right}");
        }
        for text in ["", "Gi", "1.2.3", "abc", "1x", "--1", "1e", "9e99", "1 Gi"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
