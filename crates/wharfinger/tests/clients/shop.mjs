// A shop's day with Node's fetch: Centra orders are created in a batch, completed, and read back.
// Environment: URL and SECRET.

import assert from "node:assert/strict";

const headers = {
  "API-Authorization": process.env.SECRET,
  "Content-Type": "application/json",
};

async function call(method, path, body) {
  const answer = await fetch(`${process.env.URL}/centra/TRK001${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: answer.status, warnings: answer.headers.get("wharfinger-warnings"), ...(await answer.json()), http: answer.status };
}

function order(sku, changes) {
  return {
    address: { email: "ann@example.com", firstName: "Ann", lastName: "Lee", country: "SE" },
    products: [{ sku, qty: 2, unitPrice: 12.5 }],
    ...changes,
  };
}

// A batch with valid and invalid orders.
const batch = await call("POST", "/orders", {
  first: order("S-1"),
  draft: order("S-2", { createOnly: true }),
  bad: order("S-3", { products: [] }),
  misspelt: order("S-4", { comentt: "x" }),
});
assert.equal(batch.http, 200);
const results = batch.orders ?? batch;
assert.ok(batch.warnings.includes("unknown_attribute"), batch.warnings);
assert.equal(results.bad.code, -3, JSON.stringify(batch));

// Single orders. Then the draft is completed, with a comment as the body.
const number = results.draft.order;
assert.equal(typeof number, "number", JSON.stringify(batch));
const completed = await call("POST", `/order/${number}`, { comment: "done" });
assert.deepEqual(completed.orders, [String(number)]);

// Poll for new orders, into types that may not be null.
const page = await call("GET", "/orders?limit=100&newer_than=2020-01-01");
assert.equal(page.orders.length, 3, JSON.stringify(page));
for (const found of page.orders) {
  assert.equal(typeof found.orderId, "string");
  assert.equal(typeof found.grandTotalValue, "number");
  for (const product of found.products) {
    assert.equal(typeof product.qty, "number");
    assert.equal(product.totalPrice, 25);
  }
}
const one = await call("GET", `/orders?order=${number}`);
assert.equal(one.orders[0].orderStatus, "pending");
assert.equal(one.orders[0].otherComment, "done");

// A wrong key gets the vendor's error.
const wrong = await fetch(`${process.env.URL}/centra/TRK001/orders`, { headers: { "API-Authorization": "wrong" } });
assert.equal(wrong.status, 401);
console.log("done");
