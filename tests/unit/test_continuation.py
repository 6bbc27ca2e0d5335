"""Continuation tokens are opaque, and bound to their list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from web.continuation import binding_of, decode_continuation, encode_continuation


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=200))
def test_a_continuation_survives_and_serves_its_own_list_only(operation, filters, position):
    binding = binding_of(operation, filters)
    token = encode_continuation(binding, position)
    assert decode_continuation(binding, token) == position
    for other in (binding_of(operation, filters + "x"), binding_of(operation + "x", filters)):
        with pytest.raises(InvalidInput):
            decode_continuation(other, token)


@given(st.text(max_size=200))
def test_a_token_goes_into_an_address_as_it_is(position):
    token = encode_continuation(binding_of("ListContacts", ""), position)
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=100))
def test_any_text_is_a_continuation_or_refused(token):
    with pytest.raises(InvalidInput) as refused:
        decode_continuation("binding", token)
    assert refused.value.field == "continuation"


@given(st.text(max_size=100), st.data())
def test_a_token_cut_or_lengthened_is_refused(position, data):
    binding = binding_of("ListContacts", "")
    token = encode_continuation(binding, position)
    cut = token[: data.draw(st.integers(0, len(token) - 2))]
    for broken in (cut, token + "A" * 4, "\ud800"):
        with pytest.raises(InvalidInput):
            decode_continuation(binding, broken)
