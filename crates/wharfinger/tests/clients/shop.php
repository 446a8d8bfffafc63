<?php
// A shop's day with PHP's cURL: Centra orders are created, completed and read back. cURL declares a form unless it is told
// otherwise, and this client does not tell it. Environment: URL and SECRET.

function call(string $method, string $path, $body = null): array
{
    $curl = curl_init(getenv('URL') . '/centra/TRK001' . $path);
    curl_setopt($curl, CURLOPT_CUSTOMREQUEST, $method);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($curl, CURLOPT_HTTPHEADER, ['API-Authorization: ' . getenv('SECRET')]);
    if ($body !== null) {
        curl_setopt($curl, CURLOPT_POSTFIELDS, is_string($body) ? $body : json_encode($body));
    }
    $text = curl_exec($curl);
    $answer = json_decode($text, true);
    expect(is_array($answer), "no JSON: $text");
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $answer];
}

function expect(bool $holds, string $message): void
{
    if (!$holds) {
        fwrite(STDERR, $message . "\n");
        exit(1);
    }
}

function order(string $sku, array $changes = []): array
{
    return $changes + [
        'address' => ['email' => 'ann@example.com', 'country' => 'SE', 'state' => null],
        // A sum of floats. json_encode writes all of its digits.
        'products' => [['sku' => $sku, 'qty' => '2', 'unitPrice' => 12.5]],
        'sendEmail' => 0,
    ];
}

// A batch with valid and invalid orders.
[$status, $answer] = call('POST', '/orders', [
    'web-1' => order('S-1'),
    'web-2' => order('S-2', ['createOnly' => 1]),
    'web-3' => order('S-3', ['products' => null]),
]);
expect($status === 200, "$status: " . json_encode($answer));
$results = $answer['orders'] ?? $answer;
expect($results['web-3']['code'] === -3, json_encode($answer));
$draft = $results['web-2']['order'];
expect(is_int($draft), json_encode($answer));

// Complete the draft with an empty body, and poll for new orders.
[$status, $answer] = call('POST', "/order/$draft");
expect($answer['orders'] === [(string) $draft], json_encode($answer));
[$status, $answer] = call('GET', '/orders?newer_than=2020-01-01&limit=10');
expect(count($answer['orders']) === 2, json_encode($answer));
foreach ($answer['orders'] as $found) {
    expect(is_string($found['orderId']), json_encode($found));
    expect($found['grandTotalValue'] == 25, json_encode($found));
}

// A form that is not JSON is refused and changes nothing.
[$status, $answer] = call('POST', '/order', 'address[country]=SE');
expect($status === 415 && $answer['code'] === -7, "$status: " . json_encode($answer));
[$status, $answer] = call('GET', '/orders');
expect(count($answer['orders']) === 2, json_encode($answer));
echo "done\n";
