"""The key that signs the links to videos: what docs/AWS-SETUP.md does by hand before the first deploy."""

import json
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.cloudformation_yaml import load_template
from local.settings import REPOSITORY

_KEY_GROUP = "dreamvision-videos"


def ensure_video_key(cloudfront: Any, secrets: Any) -> str:  # noqa: ANN401 - clients that boto3 has created
    """Create the key pair, its key group and its secret, unless they exist. Return the key group's ID."""
    group = next((each["Id"] for each in _key_groups(cloudfront) if each["KeyGroupConfig"]["Name"] == _KEY_GROUP), None)
    if group is not None:
        return str(group)
    template = load_template((REPOSITORY / "template.yaml").read_text())
    name: str = template["Parameters"]["VideoKeySecret"]["Default"]
    private_key = generate_private_key(SECP256R1())
    public_pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unique = f"{_KEY_GROUP}-{uuid4()}"
    public_key = cloudfront.create_public_key(
        PublicKeyConfig={"CallerReference": unique, "Name": unique, "EncodedKey": public_pem.decode()}
    )["PublicKey"]["Id"]
    private_pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    text = json.dumps({"key_pair_id": public_key, "private_key": private_pem.decode()})
    try:
        secrets.create_secret(Name=name, SecretString=text)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=text)
    # Last, as it says that everything else exists.
    configuration = {"Name": _KEY_GROUP, "Items": [public_key]}
    return str(cloudfront.create_key_group(KeyGroupConfig=configuration)["KeyGroup"]["Id"])


def _key_groups(cloudfront: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [each["KeyGroup"] for each in cloudfront.list_key_groups()["KeyGroupList"].get("Items", [])]
