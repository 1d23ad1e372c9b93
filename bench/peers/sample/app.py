"""The typical sample: boto3's resource interface for the table, and PyJWT's client for signing keys.

It follows AWS's blueprint for authorizers (github.com/awslabs/aws-apigateway-lambda-authorizer-blueprints) and
PyJWT's documentation (pyjwt.readthedocs.io, "Retrieve RSA signing keys from a JWKS endpoint").
"""

import hashlib
import json
import os

import boto3
import jwt

table = boto3.resource("dynamodb").Table(os.environ["API_KEYS_TABLE"])
keys = jwt.PyJWKClient(os.environ["JWT_JWKS_URL"])


def handler(event, context):
    token = event["headers"]["Authorization"].removeprefix("Bearer ")
    item = table.get_item(Key={"pk": hashlib.sha256(token.encode()).hexdigest()}).get("Item")
    if item:
        return policy(event, item["consumer"], item["data"])
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=os.environ["JWT_AUDIENCE"],
            issuer=os.environ["JWT_ISSUER"],
        )
    except jwt.PyJWTError:
        raise Exception("Unauthorized") from None
    return policy(event, claims["sub"], json.dumps(claims))


def policy(event, sub, data):
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    return {
        "principalId": sub,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"sub": sub, "data": data},
    }
