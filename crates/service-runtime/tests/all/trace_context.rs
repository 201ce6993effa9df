use proptest::prelude::*;
use service_runtime::{RandomIds, SequentialIds, TraceContext};

/// The example of the recommendation, section 3.2.3.
const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn the_example_of_the_recommendation_is_read_and_written() -> anyhow::Result<()> {
    let context: TraceContext = EXAMPLE.parse()?;
    assert_eq!(context.parent_id, 0x00f0_67aa_0ba9_02b7);
    assert!(context.sampled);
    assert_eq!(context.to_string(), EXAMPLE);
    Ok(())
}

#[test]
fn what_is_malformed_begins_a_new_trace() {
    let malformed = [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    for text in malformed {
        assert!(text.parse::<TraceContext>().is_err(), "{text}");
        assert_eq!(TraceContext::continued(Some(text), &SequentialIds::default()).trace_id, 1, "{text}");
    }
    // A later version may have more fields.
    assert!("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more".parse::<TraceContext>().is_ok());
}

#[test]
fn a_step_keeps_the_trace_and_changes_the_parent() -> anyhow::Result<()> {
    let caller: TraceContext = EXAMPLE.parse()?;
    let step = TraceContext::continued(Some(EXAMPLE), &RandomIds);
    assert_eq!(step.trace_id, caller.trace_id);
    assert_ne!(step.parent_id, caller.parent_id);
    assert_eq!(step.to_string().parse::<TraceContext>()?, step);
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_whole(text in ".{0,80}") {
        if let Ok(context) = text.parse::<TraceContext>() {
            prop_assert_eq!(context.to_string().parse::<TraceContext>(), Ok(context));
        }
    }

    #[test]
    fn every_context_survives_writing_and_reading(trace_id in 1_u128.., parent_id in 1_u64.., sampled: bool) {
        let context = TraceContext { trace_id, parent_id, sampled };
        prop_assert_eq!(context.to_string().parse(), Ok(context));
    }
}
