"""Upload forms whose fields after the file are ignored, as by S3.

"The file or content must be the last field in the form. Any fields below it are ignored. You cannot upload more than
one file at a time." (docs.aws.amazon.com/AmazonS3/latest/API/HTTPPOSTForms.html, field ``file``) The emulator reads
every field, wherever it is.
"""

from itertools import takewhile

from local.emulator.strict.replacing import Function, Service, replace

# name, filename, headers, content
type Field = tuple[str, str | None, dict[str, str], bytes]


class UploadForms:
    """The forms of the emulator's S3."""

    def __init__(self, s3: Service) -> None:
        self._s3 = s3

    def install(self) -> None:
        replace(self._s3, "_parse_multipart_form", self.up_to_the_file)

    @staticmethod
    def up_to_the_file(parse: Function) -> Function:
        """Wrap what lists the fields of a form: leave out those after the file."""

        def parsed(content_type: str, body: bytes) -> list[Field]:
            fields: list[Field] = parse(content_type, body)
            before = list(takewhile(lambda field: field[0] != "file", fields))
            return fields[: len(before) + 1]

        return parsed
