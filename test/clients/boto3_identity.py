"""Calls the operations of Cognito Identity that developers use, with boto3. Prints the results as one JSON object.

Reads endpoint, region and the developer's credentials from the environment. The argument is the identity pool id.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

POOL = {"IdentityPoolId": sys.argv[1]}
ARN = "arn:aws:cognito-identity:us-east-1:000000000000:identitypool/" + sys.argv[1]
DEVELOPER_PROVIDER = "login.example.com"
GOOGLE = "accounts.google.com"
ROLES = {"authenticated": "arn:aws:iam::000000000000:role/players"}
UNKNOWN_IDENTITY = "us-east-1:00000000-0000-4000-8000-00000000dead"
cognito_identity = boto3.client("cognito-identity", config=Config(retries={"total_max_attempts": 1}))


def without_metadata(response):
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def code_of(call, **arguments):
    try:
        call(**arguments)
        return None
    except ClientError as error:
        return error.response["Error"]["Code"]


def log_in_at_backend(user):
    return cognito_identity.get_open_id_token_for_developer_identity(**POOL, Logins={DEVELOPER_PROVIDER: user})


def configure_pool():
    cognito_identity.set_identity_pool_roles(**POOL, Roles=ROLES)
    cognito_identity.set_principal_tag_attribute_map(
        **POOL, IdentityProviderName=GOOGLE, UseDefaults=False, PrincipalTags={"team": "team_id"}
    )
    cognito_identity.tag_resource(ResourceArn=ARN, Tags={"team": "game", "stage": "test"})
    cognito_identity.untag_resource(ResourceArn=ARN, TagKeys=["stage"])
    principal_tags = cognito_identity.get_principal_tag_attribute_map(**POOL, IdentityProviderName=GOOGLE)
    return {
        "roles": cognito_identity.get_identity_pool_roles(**POOL)["Roles"],
        "principalTags": [principal_tags["UseDefaults"], principal_tags["PrincipalTags"]],
        "tags": cognito_identity.list_tags_for_resource(ResourceArn=ARN)["Tags"],
    }


def change_users():
    ann = log_in_at_backend("ann")["IdentityId"]
    lookup = lambda **by: cognito_identity.lookup_developer_identity(**POOL, **by)
    users = lookup(IdentityId=ann)["DeveloperUserIdentifierList"]
    is_found = lookup(DeveloperUserIdentifier="ann")["IdentityId"] == ann
    cognito_identity.unlink_developer_identity(
        **POOL, IdentityId=ann, DeveloperProviderName=DEVELOPER_PROVIDER, DeveloperUserIdentifier="ann"
    )
    after = code_of(lookup, DeveloperUserIdentifier="ann")
    return {"users": users, "isFound": is_found, "afterUnlinking": after}


def unlink_and_delete():
    bob = {GOOGLE: sys.argv[2]}
    identity_id = cognito_identity.get_id(**POOL, Logins=bob)["IdentityId"]
    cognito_identity.unlink_identity(IdentityId=identity_id, Logins=bob, LoginsToRemove=[GOOGLE])
    other_id = cognito_identity.get_id(**POOL, Logins=bob)["IdentityId"]
    token = log_in_at_backend("cem")
    deleted = cognito_identity.delete_identities(
        IdentityIdsToDelete=[identity_id, other_id, token["IdentityId"], UNKNOWN_IDENTITY]
    )
    own_token = {"cognito-identity.amazonaws.com": token["Token"]}
    return {
        "getsNewIdentity": other_id != identity_id,
        "unprocessed": without_metadata(deleted),
        "describeDeleted": code_of(cognito_identity.describe_identity, IdentityId=other_id),
        "useTokenOfDeleted": code_of(
            cognito_identity.get_credentials_for_identity, IdentityId=token["IdentityId"], Logins=own_token
        ),
    }


print(json.dumps({"pool": configure_pool(), "users": change_users(), "identities": unlink_and_delete()}))
