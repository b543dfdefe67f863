"""Calls the service with boto3 as a player, a backend's user and a developer. Prints the results as one JSON object.

Reads endpoint, region and the developer's credentials from the environment. The arguments are the identity pool id and
a token of Google.
"""

import json
import sys
from datetime import datetime, timezone

import boto3
from botocore.config import Config

POOL = {"IdentityPoolId": sys.argv[1]}
# Whole seconds, because older releases of boto3 send no fraction.
DEVICE_DATE = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
NO_RETRIES = Config(retries={"total_max_attempts": 1})
cognito_identity = boto3.client("cognito-identity", config=NO_RETRIES)


def log_in(logins=None, identity_id=None):
    logins = logins or {}
    identity_id = identity_id or cognito_identity.get_id(**POOL, Logins=logins)["IdentityId"]
    response = cognito_identity.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)
    credentials = response["Credentials"]
    sync = boto3.client(
        "cognito-sync",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretKey"],
        aws_session_token=credentials["SessionToken"],
        config=NO_RETRIES,
    )
    return sync, {**POOL, "IdentityId": response["IdentityId"]}


def write(sync, dataset, **patch):
    token = sync.list_records(**dataset)["SyncSessionToken"]
    patch = {"Op": "replace", "Key": "level", "SyncCount": 0, "DeviceLastModifiedDate": DEVICE_DATE, **patch}
    return sync.update_records(**dataset, SyncSessionToken=token, RecordPatches=[patch])["Records"]


def player():
    logins = {"accounts.google.com": sys.argv[2]}
    sync, identity = log_in(logins)
    game = {**identity, "DatasetName": "game"}
    stored = write(sync, game, Value="7 ü 😀")
    try:
        write(sync, game, Value="8")
        conflict = None
    except sync.exceptions.ResourceConflictException as error:
        conflict = [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Message"]]
    tablet, same_identity = log_in(logins)
    listed = tablet.list_records(**game)
    sync.delete_dataset(**game)
    return {
        "stored": stored[0]["Value"],
        "deviceDateIsKept": stored[0]["DeviceLastModifiedDate"] == DEVICE_DATE,
        "isSamePerson": same_identity == identity,
        "listed": [[record["Key"], record["SyncCount"]] for record in listed["Records"]],
        "conflict": conflict,
        "existsAfterDeletion": sync.list_records(**game)["DatasetExists"],
    }


def user_of_backend():
    login = cognito_identity.get_open_id_token_for_developer_identity(**POOL, Logins={"login.example.com": "alan"})
    token = {"cognito-identity.amazonaws.com": login["Token"]}
    sync, identity = log_in(token, login["IdentityId"])
    return {"datasets": sync.list_datasets(**identity)["Count"]}


def developer():
    sync = boto3.client("cognito-sync", config=NO_RETRIES)
    created = cognito_identity.create_identity_pool(IdentityPoolName="notes", AllowUnauthenticatedIdentities=True)
    pool = {"IdentityPoolId": created["IdentityPoolId"]}
    usage = sync.describe_identity_pool_usage(**pool)["IdentityPoolUsage"]
    cognito_identity.delete_identity_pool(**pool)
    try:
        cognito_identity.describe_identity_pool(**pool)
        gone = False
    except cognito_identity.exceptions.ResourceNotFoundException:
        gone = True
    return {"storedBytes": usage["DataStorage"], "isGone": gone}


print(json.dumps({"player": player(), "userOfBackend": user_of_backend(), "developer": developer()}))
