"""What is made from the code is what the code says."""

from docs.generate import OPENAPI, TARGET, openapi, page


def test_the_page_is_up_to_date() -> None:
    assert TARGET.read_text("utf-8") == page(), "run `make docs`"


def test_every_limit_of_the_media_socket_is_explained() -> None:
    rows = [row for row in page().splitlines() if row.startswith("| `twilio.")]
    assert rows
    assert all(not row.endswith("|  |") for row in rows)


def test_the_document_of_the_console_s_types_is_up_to_date() -> None:
    assert OPENAPI.read_text("utf-8") == openapi(), "run `make docs`"
