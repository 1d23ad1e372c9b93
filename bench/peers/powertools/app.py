"""The JWT authorizer of Powertools for AWS Lambda (docs.aws.amazon.com/powertools/python, utility "auth_alpha").

It fetches keys only over https. Here it reads them from a file and saves one request.
"""

import json
import os
from pathlib import Path

from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier

verifier = JWTVerifier(
    issuer=os.environ["JWT_ISSUER"],
    audience=os.environ["JWT_AUDIENCE"],
    algorithms=["RS256"],
    jwks=json.loads(Path(os.environ["JWKS_FILE"]).read_text(encoding="utf-8")),
)


def handler(event, context):
    return verifier.authorize(event, context_claims=["sub"])
