// A shop's day with HttpClient and Json.NET: GoSweetSpot orders are saved, read into models whose numbers may not be null, polled
// for and deleted; then Centra orders are read. Environment: URL and SECRET.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using Newtonsoft.Json;

public class Saved
{
    public string PackingSlipNo { get; set; }
    public bool Result { get; set; }
    public string Msg { get; set; }
}

public class Product
{
    public string ProductCode { get; set; }
    public string Description { get; set; }
    public decimal Units { get; set; }
    public decimal? UnitValue { get; set; }
    public string CountryOfManufacture { get; set; }
    public decimal UnitKg { get; set; }
    public decimal AlreadySent { get; set; }
    public decimal FulfilledQty { get; set; }
    public string Currency { get; set; }
}

public class Order
{
    public string PackingSlipNo { get; set; }
    public string Consignee { get; set; }
    public string Country { get; set; }
    public string PostCode { get; set; }
    public string Email { get; set; }
    public string CustomField1Value { get; set; }
    public List<Product> Products { get; set; }
    public List<Package> Packages { get; set; }
}

public class Package
{
    public string PackageStockName { get; set; }
    public int? Quantity { get; set; }
}

public class Page
{
    [JsonProperty("Page")]
    public int Number { get; set; }
    public int PageSize { get; set; }
    public int Pages { get; set; }
    public List<Order> Results { get; set; }
}

public class CentraProduct
{
    public string LineId { get; set; }
    public string Sku { get; set; }
    public decimal Price { get; set; }
    public decimal TotalPrice { get; set; }
    public int Qty { get; set; }
}

public class CentraOrder
{
    public string OrderId { get; set; }
    public string OrderStatus { get; set; }
    public string CustomerId { get; set; }
    // Whole amounts are JSON numbers without decimals. `0.00` would fail here.
    public int ShippingValue { get; set; }
    public int VoucherValue { get; set; }
    public int GrandTotalValue { get; set; }
    public List<CentraProduct> Products { get; set; }
}

public class CentraPage
{
    public string Status { get; set; }
    public List<CentraOrder> Orders { get; set; }
}

public static class Shop
{
    static readonly string Url = Environment.GetEnvironmentVariable("URL");
    static readonly HttpClient Client = new HttpClient();

    static T Call<T>(string method, string path, object body = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), Url + path);
        if (body != null)
        {
            request.Content = new StringContent(JsonConvert.SerializeObject(body), Encoding.UTF8, "application/json");
            request.Headers.ExpectContinue = true;
        }
        var answer = Client.SendAsync(request).Result;
        var text = answer.Content.ReadAsStringAsync().Result;
        Expect(answer.StatusCode == HttpStatusCode.OK, path + ": " + (int)answer.StatusCode + " " + text);
        return JsonConvert.DeserializeObject<T>(text);
    }

    static void Expect(bool holds, string message)
    {
        if (!holds)
        {
            throw new Exception(message);
        }
    }

    static Order Good(string number)
    {
        return new Order
        {
            PackingSlipNo = number,
            Consignee = "Ana",
            Country = "nz",
            Email = "a@b.nz;c@d.nz",
            CustomField1Value = "gift",
            Products = new List<Product>
            {
                new Product { ProductCode = "A-CODE-THAT-IS-LONGER-THAN-20", Units = 2, UnitKg = 0.25m, AlreadySent = 3, Currency = "nzd", CountryOfManufacture = "nz" },
            },
            Packages = new List<Package> { new Package { PackageStockName = "BOX" } },
        };
    }

    public static void Main()
    {
        Client.DefaultRequestHeaders.Add("access_key", Environment.GetEnvironmentVariable("SECRET"));
        Client.DefaultRequestHeaders.Add("site_id", "TRK001");
        Client.DefaultRequestHeaders.Add("API-Authorization", Environment.GetEnvironmentVariable("SECRET"));

        // A batch with valid and invalid orders, as Json.NET writes it: names in PascalCase, null for unset members.
        var bad = new Order { PackingSlipNo = "C-3", Country = "New Zealand" };
        var saved = Call<List<Saved>>("PUT", "/Api/CustomerOrders", new[] { Good("C#1"), Good("C-2"), bad });
        Expect(saved.Select(order => order.Result).SequenceEqual(new[] { true, true, false }), JsonConvert.SerializeObject(saved));
        Expect(saved[2].Msg.Contains("consignee is required"), saved[2].Msg);

        // Update one through the older route, which returns a bare boolean.
        var changed = Good("C-2");
        changed.PostCode = "8041";
        Expect(Call<bool>("PUT", "/v2/neworder", changed), "it is saved");

        // List the pending orders, in pages and as a whole.
        var page = Call<Page>("GET", "/api/customerorders?excludecompleted=True&includeProducts=True&createdfrom=2016-02-15%2007:26:15Z");
        Expect(page.Results.Count == 2 && page.Number == 1, JsonConvert.SerializeObject(page));
        var product = page.Results[0].Products[0];
        Expect(product.Units == 2 && product.UnitKg == 0.25m && product.AlreadySent == 3 && product.UnitValue == null, JsonConvert.SerializeObject(product));
        Expect(product.Currency == "NZD" && product.CountryOfManufacture == "NZ", JsonConvert.SerializeObject(product));
        Expect(page.Results[0].Country == "NZ" && page.Results[0].CustomField1Value == "gift", JsonConvert.SerializeObject(page.Results[0]));
        Expect(page.Results[1].PostCode == "8041", JsonConvert.SerializeObject(page.Results[1]));
        Expect(Call<List<Order>>("GET", "/V2/PendingOrders").Count == 2, "two are pending");
        var shown = Call<Dictionary<string, object>>("GET", "/v2/order?packingslipno=C-2");
        Expect((string)shown["status"] == "PENDING", JsonConvert.SerializeObject(shown));

        // Delete by keys that were URL-encoded twice.
        var deleted = Call<Dictionary<string, string>>("DELETE", "/api/customerorders?packingslipno=C%25231,C-2,C-9");
        Expect(deleted["C#1"] == "Deleted." && deleted["C-2"] == "Deleted.", JsonConvert.SerializeObject(deleted));
        Expect(deleted["C-9"] == "Invalid packing slip number", JsonConvert.SerializeObject(deleted));
        Expect(Call<Page>("GET", "/api/customerorders").Results.Count == 0, "none is left");

        // Read Centra orders.
        var address = new { email = "ann@example.com", country = "SE" };
        var lines = new[] { new { sku = "S-1", qty = 2, unitPrice = 12.5m } };
        Call<object>("POST", "/centra/TRK001/order", new { address, products = lines });
        var centra = Call<CentraPage>("GET", "/centra/TRK001/orders?newer_than=2020-01-01").Orders.Single();
        Expect(centra.OrderId == "1" && centra.CustomerId == "" && centra.ShippingValue == 0 && centra.GrandTotalValue == 25 && centra.Products[0].Qty == 2, JsonConvert.SerializeObject(centra));
        Console.WriteLine("done");
    }
}
