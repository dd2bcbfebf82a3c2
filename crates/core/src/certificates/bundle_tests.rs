use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

use super::*;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000;

struct Made {
    pem: String,
    key: String,
}

fn made(name: &str, ca: bool, from: (i32, u8, u8), until: (i32, u8, u8)) -> Made {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    if ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    Made {
        pem: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn root(name: &str) -> Made {
    made(name, true, (2020, 1, 1), (2040, 1, 1))
}

#[test]
fn a_bundle_is_described_and_cleaned() {
    let (one, two) = (root("One"), root("Two"));
    let text = format!(
        "\u{feff}# exported from somewhere\r\n   {}\n  junk\n{}{}",
        one.pem.replace('\n', "\r\n   "),
        two.pem,
        one.pem
    );
    let bundle = read(&text, NOW).unwrap();
    assert_eq!(bundle.subjects().len(), 2);
    assert!(bundle.subjects()[0].contains("CN=One"), "{:?}", bundle.subjects());
    assert!(bundle.certificates.iter().all(|certificate| certificate.ca));
    assert!(!bundle.pem.contains("junk") && !bundle.pem.contains('\r'));
    assert_eq!(bundle.pem.matches(BEGIN).count(), 2);
    let first = &bundle.certificates[0];
    assert_eq!(first.issuer, first.subject);
    assert_eq!(first.state, CertificateState::Valid);
    assert_eq!(first.sha256.len(), 64);
    assert_eq!(warnings(&bundle.certificates), Vec::<String>::new());
    // What we wrote reads the same.
    assert_eq!(stored(&bundle.pem, NOW).unwrap(), bundle);
    assert_eq!(read(&bundle.pem, NOW).unwrap(), bundle);
}

#[test]
fn what_is_no_bundle_is_refused_in_words() {
    let good = root("Good");
    let half = good.pem.replace("-----END CERTIFICATE-----", "");
    let table = [
        (String::new(), "Give at least one certificate"),
        (" \n\t".into(), "Give at least one certificate"),
        ("hello".into(), "This is no PEM"),
        (format!("{}{}", good.pem, good.key), "holds a private key"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nnonsense".into(),
            "holds a private key",
        ),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----".into(),
            "holds a private key",
        ),
        (half, "Block 1 has no line that begins with -----END"),
        (
            format!("{}{BEGIN}\n!!!\n-----END CERTIFICATE-----\n", good.pem),
            "Block 2 cannot be read: it is no valid base64",
        ),
        (
            format!("{BEGIN}\naGVsbG8=\n-----END CERTIFICATE-----\n"),
            "Certificate 1 cannot be read: its content is no X.509 certificate",
        ),
        (
            format!("{BEGIN}\n-----END CERTIFICATE-----\n"),
            "Certificate 1 cannot be read",
        ),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\naGVsbG8=\n-----END CERTIFICATE REQUEST-----\n".into(),
            "Block 1 is no certificate but a certificate request",
        ),
        ("x".repeat(SIZE_MAX + 1), "larger than 512 KiB"),
        (good.pem.repeat(COUNT_MAX + 1), "larger than 512 KiB"),
    ];
    for (text, words) in table {
        let error = read(&text, NOW).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains(&good.key[40..80]), "{error}");
    }
}

#[test]
fn time_decides() {
    let expired = made("Old", true, (2010, 1, 1), (2020, 1, 1));
    let error = read(&expired.pem, NOW).unwrap_err();
    assert!(
        error.contains("Certificate 1 (CN=Old") || error.contains("CN=Old") && error.contains("expired on 2020-01-01"),
        "{error}"
    );
    let soon = read(&made("Soon", true, (2020, 1, 1), (2026, 1, 20)).pem, NOW).unwrap();
    assert_eq!(soon.certificates[0].state, CertificateState::ExpiresSoon);
    assert!(warnings(&soon.certificates)[0].contains("expires on 2026-01-20"));
    let later = read(&made("Later", true, (2027, 1, 1), (2028, 1, 1)).pem, NOW).unwrap();
    assert_eq!(later.certificates[0].state, CertificateState::NotYetValid);
    // Stored ones grow old and are still shown.
    let old = stored(&soon.pem, NOW + 40 * 24 * 3600 * 1000).unwrap();
    assert_eq!(old.certificates[0].state, CertificateState::Expired);
    let leaf = read(&made("Leaf", false, (2020, 1, 1), (2040, 1, 1)).pem, NOW).unwrap();
    assert!(!leaf.certificates[0].ca);
    assert!(warnings(&leaf.certificates)[0].contains("is no authority"));
}

proptest! {
    #[test]
    fn no_text_brings_it_down(text in "(?s).{0,400}") {
        _ = read(&text, NOW);
        _ = read(&format!("{BEGIN}\n{text}\n-----END CERTIFICATE-----\n"), NOW);
    }

    #[test]
    fn no_content_brings_it_down(der in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut pem = String::new();
        append(&mut pem, &der);
        prop_assert!(read(&pem, NOW).is_err());
    }
}
