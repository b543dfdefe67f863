"""Logs in with boto3. Reads one JSON object with `logins` and `identityId` per line, and prints one outcome per line.

Reads endpoint and region from the environment. The argument is the identity pool id.
"""

import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

cognito_identity = boto3.client(
    "cognito-identity", config=Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED)
)


def log_in(logins, identity_id):
    identity_id = identity_id or cognito_identity.get_id(IdentityPoolId=sys.argv[1], Logins=logins)["IdentityId"]
    return cognito_identity.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)["IdentityId"]


for line in sys.stdin:
    request = json.loads(line)
    try:
        outcome = {"identityId": log_in(request["logins"], request.get("identityId"))}
    except ClientError as error:
        outcome = {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    print(json.dumps(outcome), flush=True)
