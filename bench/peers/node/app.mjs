// An authorizer in Node: the AWS SDK's DynamoDB client and aws-jwt-verify (github.com/awslabs/aws-jwt-verify). Its keys
// come from a file, because it fetches over https only.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { JwtVerifier } from "aws-jwt-verify";

const dynamodb = new DynamoDBClient({ endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB });
const verifier = JwtVerifier.create({
  issuer: process.env.JWT_ISSUER,
  audience: process.env.JWT_AUDIENCE,
  jwksUri: "https://issuer.example/jwks.json",
});
verifier.cacheJwks(JSON.parse(readFileSync(process.env.JWKS_FILE, "utf8")));

export async function handler(event) {
  const token = event.headers.Authorization.replace(/^Bearer /, "");
  let sub;
  if (token.includes(".")) {
    sub = verifier.verifySync(token).sub;
  } else {
    const pk = createHash("sha256").update(token).digest("hex");
    const read = new GetItemCommand({ TableName: process.env.API_KEYS_TABLE, Key: { pk: { S: pk } } });
    sub = (await dynamodb.send(read)).Item.consumer.S;
  }
  const Statement = [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn }];
  return { principalId: sub, policyDocument: { Version: "2012-10-17", Statement }, context: { sub } };
}
