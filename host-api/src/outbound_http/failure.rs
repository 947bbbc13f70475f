//! What went wrong on an outbound call, in the words of `wasi:http`.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy::Error as ClientError;
use wasmtime_wasi_http::Error;

use super::connector::DialError;

/// The failure of a call up to the head of its response.
pub(super) fn of_call(error: &ClientError) -> Error {
    match find::<DialError>(error) {
        Some(dial) => of_dial(dial),
        None => match find::<hyper::Error>(error) {
            Some(error) => of_hyper(error),
            None => Error::HttpProtocolError,
        },
    }
}

/// The failure of a response's body.
pub(super) fn of_body(error: &hyper::Error) -> Error {
    match of_hyper(error) {
        // The head has come: what has ended early is the response.
        Error::ConnectionTerminated => Error::HttpResponseIncomplete,
        error => error,
    }
}

fn of_dial(error: &DialError) -> Error {
    match error {
        DialError::BadOrigin => Error::HttpRequestUriInvalid,
        DialError::Resolve(_) => Error::DnsError { rcode: None, info_code: None },
        DialError::Prohibited => Error::DestinationIpProhibited,
        DialError::Timeout => Error::ConnectionTimeout,
        DialError::Connect(error) => of_connect(error.kind()),
        DialError::Tls(error) => of_tls(error),
        DialError::Ended => Error::ConnectionTerminated,
    }
}

fn of_connect(kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            Error::DestinationIpUnroutable
        }
        ErrorKind::NetworkDown => Error::DestinationUnavailable,
        _ => Error::ConnectionTerminated,
    }
}

fn of_tls(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: None }
        }
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

fn of_hyper(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_parse() || error.is_user() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || find::<io::Error>(error).is_some()
    {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}

/// The first error of that type among an error and its sources.
fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError};

    use super::*;

    #[test]
    fn tls_failures_tell_the_certificate_from_the_protocol() {
        let of = |error: rustls::Error| of_tls(&io::Error::new(ErrorKind::InvalidData, error));
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        assert!(matches!(of(expired), Error::TlsCertificateError));
        assert!(matches!(of(rustls::Error::DecryptError), Error::TlsProtocolError));
        let alert = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert!(matches!(of(alert), Error::TlsAlertReceived { alert_id: Some(40), .. }));
        assert!(matches!(of_tls(&ErrorKind::UnexpectedEof.into()), Error::ConnectionTerminated));
    }
}
