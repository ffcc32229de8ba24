use super::*;
use crate::proto::TunnelMessage;
use proptest::prelude::*;
use prost::Message;

/// All data of the input, `|` where a message ends.
fn read(decoder: &mut Decoder, input: &[u8], piece: usize) -> Result<Vec<u8>, Status> {
    let mut data = Vec::new();
    for part in input.chunks(piece) {
        let mut at = 0;
        loop {
            let (taken, found) = decoder.next(&part[at..])?;
            match &found {
                Some(Part::Data(range)) => data.extend(&part[at..][range.clone()]),
                Some(Part::End) => data.push(b'|'),
                None => {}
            }
            at += taken;
            if taken == 0 && found.is_none() {
                break;
            }
        }
    }
    Ok(data)
}

fn message(data: &[u8]) -> TunnelMessage {
    TunnelMessage {
        id: "tcp-1".into(),
        protocol: "tcp".into(),
        data: data.to_vec().into(),
        guest_addr: "127.0.0.1:80".into(),
        udp_target_addr: "unused".into(),
    }
}

#[test]
fn messages_are_read_in_any_pieces() {
    let first = TunnelMessage { data: Vec::new().into(), ..message(b"") };
    let bytes = [grpc::message(&first), grpc::message(&message(b"abc")), vec![0; 5]].concat();
    for piece in 1..bytes.len() {
        let mut decoder = Decoder::new();
        assert_eq!(read(&mut decoder, &bytes, piece), Ok(b"|abc||".to_vec()));
        let handshake = decoder.handshake().expect("UTF-8");
        let Handshake { id, protocol, target } = &handshake;
        assert_eq!([id, protocol, target], ["tcp-1", "tcp", "127.0.0.1:80"]);
    }
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    // Fields 9 (number), 10 (64 bit), 11 (text), 12 (32 bit), then data.
    let fields = [
        &[0x48, 0xff, 0x01][..],
        &[0x51, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x5a, 2, b'x', b'y'],
        &[0x65, 0, 0, 0, 0],
        &[0x1a, 1, b'!'],
    ]
    .concat();
    let bytes = [&[0, 0, 0, 0, u8::try_from(fields.len()).expect("short")], &fields[..]].concat();
    assert_eq!(read(&mut Decoder::default(), &bytes, 100), Ok(b"!|".to_vec()));
}

#[test]
fn what_is_no_message_is_refused() {
    for fields in [
        &[0x1a, 2, b'x'][..],
        &[0x1a],
        &[0x1a, 0x80],
        &[0x08, 0xff],
        &[0x03],
        &[0x00, 0x00],
        &[0x51, 0, 0],
        &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
    ] {
        let mut bytes = vec![0, 0, 0, 0, u8::try_from(fields.len()).expect("short")];
        bytes.extend(fields);
        bytes.extend([0; 20]);
        let refused = read(&mut Decoder::new(), &bytes, 100);
        assert_eq!(refused, Err(malformed()), "{fields:x?}");
    }
}

#[test]
fn targets_have_a_limit() {
    let message = TunnelMessage { guest_addr: "x".repeat(4097), ..TunnelMessage::default() };
    let refused = read(&mut Decoder::new(), &grpc::message(&message), 100);
    assert_eq!(refused.expect_err("too long").code, Code::InvalidArgument);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, piece in 1_usize..20) {
        let _ = read(&mut Decoder::new(), &bytes, piece);
    }

    #[test]
    fn what_is_read_is_what_protobuf_reads(bytes: Vec<u8>, piece in 1_usize..20) {
        let framed = [&[0][..], &u32::try_from(bytes.len()).expect("short").to_be_bytes(), &bytes].concat();
        if let (Ok(ours), Ok(theirs)) =
            (read(&mut Decoder::new(), &framed, piece), TunnelMessage::decode(&bytes[..]))
        {
            prop_assert!(ours.ends_with(&[&theirs.data[..], b"|"].concat()) || ours.len() > theirs.data.len() + 1);
        }
    }
}
