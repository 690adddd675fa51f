"""A form that is posted again and again: one of its objects is read, whatever the order of S3's events."""

import threading
from collections.abc import Callable

import pytest

from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamRepository
from dreamvision.media.errors import MediaReadError
from dreamvision.media.images import reencode_image
from dreamvision.media.models import ReencodedImage
from dreamvision.schemas.uploads import ImageType, UploadStatus
from tests.fakes import images
from tests.integration.dreams.test_uploads import UploadBackend


class Counting:
    """A re-encoder that notes what it was given, and may do something meanwhile."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, data: bytes, kind: ImageType) -> ReencodedImage:
        self.read.append(data)
        self.meanwhile()
        return reencode_image(data, kind)


@pytest.fixture
def backend(database: Database) -> UploadBackend:
    return UploadBackend(database)


def test_of_a_hundred_posts_of_one_form_one_is_read(backend: UploadBackend) -> None:
    form, counting = backend.announce(), Counting()
    # GIVEN an attacker who keeps posting while the first object is read
    later = [f"{number:02x}" for number in range(2, 101)]

    def keep_posting() -> None:
        for sequencer in later[:50]:
            assert backend.receive(backend.send(form, images.jpeg()), counting, sequencer) is None

    counting.meanwhile = keep_posting
    key = backend.send(form, images.jpeg(images.halves((500, 500))))

    # WHEN S3 reports all of them
    assert backend.receive(key, counting, "01") is UploadStatus.ATTACHED
    for sequencer in later[50:]:
        assert backend.receive(backend.send(form, images.jpeg()), counting, sequencer) is None

    # THEN one was decoded, and nothing is left but its image
    assert len(counting.read) == 1
    assert backend.media_keys() == [backend.dream.image_key]


def test_concurrent_posts_of_one_form_are_read_once(backend: UploadBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    form, counting = backend.announce(), Counting()
    key = backend.send(form, images.jpeg())
    together, alone = threading.Barrier(2), threading.Lock()
    accept = DreamRepository.accept_upload

    def accept_together(dreams: DreamRepository, dream: DreamRecord, sequencer: str) -> bool:
        together.wait(10)
        # As DynamoDB's conditional writes: moto does not isolate them.
        with alone:
            return accept(dreams, dream, sequencer)

    monkeypatch.setattr(DreamRepository, "accept_upload", accept_together)
    found: list[UploadStatus | None] = []

    def receive(sequencer: str) -> None:
        found.append(backend.receive(key, counting, sequencer))

    threads = [threading.Thread(target=receive, args=(each,)) for each in ("01", "02")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(counting.read) == 1
    assert sorted(found, key=str) == [None, UploadStatus.ATTACHED]


def test_a_rejected_form_cannot_be_used_again(backend: UploadBackend) -> None:
    form, counting = backend.announce(), Counting()
    assert backend.receive(backend.send(form, b"<html>"), counting, "01") is UploadStatus.REJECTED
    assert backend.receive(backend.send(form, images.jpeg()), counting, "02") is None
    assert (len(counting.read), backend.media_keys()) == (1, [])


def test_the_accepted_object_is_retried_while_others_arrive(backend: UploadBackend) -> None:
    form, counting = backend.announce(), Counting()
    key = backend.send(form, images.jpeg())

    def crash() -> None:
        raise MediaReadError

    # GIVEN an attempt that failed after the object was accepted
    counting.meanwhile = crash
    with pytest.raises(MediaReadError):
        backend.receive(key, counting, "01")
    # WHEN another object of the form is reported first, THEN the key stays for the retry of the accepted one
    assert backend.receive(key, counting, "02") is None
    assert backend.media_keys() == [key]
    assert backend.receive(key, sequencer="01") is UploadStatus.ATTACHED


def test_a_new_form_accepts_an_object_again(backend: UploadBackend) -> None:
    backend.receive(backend.send(backend.announce(), b"<html>"), sequencer="01")
    assert backend.receive(backend.send(backend.announce(), images.jpeg()), sequencer="02") is UploadStatus.ATTACHED
    # AND one that was announced while another object was read does, too
    form, counting = backend.announce(), Counting()
    counting.meanwhile = backend.announce
    assert backend.receive(backend.send(form, images.jpeg()), counting, "03") is None
    assert backend.dream.upload_object is None
