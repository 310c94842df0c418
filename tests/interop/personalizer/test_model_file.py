"""A model as one file: the same bytes for the same model, whole or refused."""

import io
import zipfile

import pytest

from policyloop.core.model import canonical_json
from policyloop.interop.personalizer.model_file import opened, packed
from policyloop.interop.personalizer.refusals import Refused
from small_models import TENSORS, a_manifest

SALT = b"s" * 32


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return file.getvalue()


def test_a_model_comes_back_as_it_was_and_its_file_is_always_the_same():
    assert opened(packed(a_manifest(), TENSORS, salt=SALT), salt=SALT) == (a_manifest(), TENSORS)
    assert packed(a_manifest(), TENSORS, salt=SALT) == packed(a_manifest(), TENSORS, salt=SALT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no zip",
        packed(a_manifest(), TENSORS, salt=SALT)[:-30],
        zipped(manifest_json=canonical_json(a_manifest())),
        zipped(manifest_json=b"{}", tensors_safetensors=TENSORS),
        zipped(manifest_json=b"\xff", tensors_safetensors=TENSORS),
        packed(a_manifest(format=99), TENSORS, salt=SALT),
    ],
)
def test_what_is_no_model_file_is_refused(body):
    with pytest.raises(Refused) as caught:
        opened(body, salt=SALT)

    assert caught.value.their_code == "InvalidModelImportFormat"


@pytest.mark.parametrize(
    "body",
    [
        packed(a_manifest(), b"other numbers", salt=SALT),
        packed(a_manifest(), TENSORS, salt=b"another deployment's"),
        packed(a_manifest(), TENSORS, salt=None),
    ],
    ids=["tensors of another model", "signed elsewhere", "not signed"],
)
def test_what_this_deployment_did_not_sign_is_refused(body):
    with pytest.raises(Refused) as caught:
        opened(body, salt=SALT)

    assert caught.value.their_code == "InvalidModelImportSignature"
