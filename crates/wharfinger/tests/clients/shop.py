"""A shop's day with Python and requests: Reevoo orders are sent, and the native API tells what became of them.

Environment: URL, KEY (the key's id) and SECRET.
"""

import json
import os
from dataclasses import dataclass
from decimal import Decimal

import requests

URL = os.environ["URL"]
shop = requests.Session()
shop.auth = (os.environ["KEY"], os.environ["SECRET"])
office = requests.Session()
office.headers["Authorization"] = "Bearer " + os.environ["SECRET"]


def order(reference, price=55.99, **other):
    """An order as a script builds it: floats are not rounded."""
    return {
        "trkref": "TRK001",
        "order_ref": reference,
        "order_date": "25-09-2021",
        "customer": {"email": "ann@example.com", "first_name": None},
        "order_items": [{"sku": "S-1", "price": price, "currency": "GBP"}],
        **other,
    }


def expect(answer, status):
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    return answer.json()


@dataclass
class Line:
    """A line as it is read back: none of these may be null."""

    sku: str
    quantity: Decimal
    unit_price: Decimal


def lines(text):
    return [Line(l["sku"], Decimal(l["quantity"]), Decimal(l["unit_price"])) for l in text["lines"]]


# A client that first checks its key.
known = expect(shop.get(f"{URL}/v4/organisations"), 200)
assert known["summary"]["pagination"]["current_page"] == 1
assert "TRK001" in [organisation["trkref"] for organisation in known["organisations"]]
assert expect(shop.get(f"{URL}/v4/organisations/TRK001.json"), 200)["trkref"] == "TRK001"
expect(requests.get(f"{URL}/v4/organisations", auth=("nobody", "wrong")), 401)

# A batch with valid and invalid orders.
batch = [
    order("P-1", price=28.949999999999999),
    order("P-2", price="55.99"),
    order("P-3", customer={}),
    order("P-4", custmer={"email": "x@example.com"}, customer=None),
    order("P-5", price="1.234,50"),
]
answer = shop.post(f"{URL}/v4/customer_orders", json=batch)
result = expect(answer, 206)
assert result["summary"] == {"accepted": 3, "rejected": 2}, result
told = {rejected["customer_order"]["order_ref"]: rejected["errors"] for rejected in result["errors"]}
assert told == {
    "P-3": ["customer cannot be blank"],
    "P-4": ["customer cannot be blank (found custmer)"],
}, told

# The receipt has the warnings.
receipt = expect(office.get(f"{URL}/v1/batches/{result['id']}"), 200)
assert receipt["warned"] == 3, receipt
codes = {(warning["index"], warning["code"]) for warning in receipt["warnings"]}
assert codes == {(1, "price_form"), (3, "unknown_attribute")}, codes

# The same batch again, corrected. The body is text, for which requests sends no media type.
batch[2] = order("P-3")
batch[3] = order("P-4")
result = expect(shop.post(f"{URL}/v4/customer_orders", data=json.dumps(batch)), 202)
assert result["summary"] == {"accepted": 5, "rejected": 0}, result

# The office polls for new orders and reads them into its own types.
events = expect(office.get(f"{URL}/v1/events", params={"limit": 1000}), 200)
accepted = [event for event in events["data"] if event["type"] == "order.accepted"]
assert len(accepted) == 5, events
after = expect(office.get(f"{URL}/v1/events", params={"after": events["next"]}), 200)
assert after["data"] == [], after
orders = expect(office.get(f"{URL}/v1/orders", params={"dialect": "reevoo"}), 200)["data"]
by_key = {found["key"]: found for found in orders}
assert set(by_key) == {"P-1", "P-2", "P-3", "P-4", "P-5"}, by_key.keys()
assert lines(by_key["P-1"]) == [Line("S-1", Decimal(1), Decimal("28.95"))]
assert lines(by_key["P-2"]) == [Line("S-1", Decimal(1), Decimal("55.99"))]
assert lines(by_key["P-5"]) == [Line("S-1", Decimal(1), Decimal("1234.50"))]

# One is updated, one processed and then final, one cancelled.
expect(shop.post(f"{URL}/v4/organisations/TRK001/customer_order", json=order("P-2", price=10)), 202)
again = expect(office.get(f"{URL}/v1/orders/{by_key['P-2']['id']}"), 200)
assert again["revision"] == 2 and lines(again)[0].unit_price == 10, again
expect(office.post(f"{URL}/v1/orders/{by_key['P-1']['id']}/process"), 200)
expect(office.post(f"{URL}/v1/orders/{by_key['P-5']['id']}/cancel"), 200)
answer = shop.post(f"{URL}/v4/organisations/TRK001/customer_order.json", json=order("P-1", price=1))
assert expect(answer, 422)["errors"] == ["order_ref has already been processed"]
print("done")
