// Lambda's runtime interface (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) in a few lines: AWS's own client for
// Node compiles C++ when it is installed.
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const { handler } = await import("./app.mjs");
for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const body = JSON.stringify(await handler(await next.json()));
  await fetch(`${api}/${id}/response`, { method: "POST", body });
}
