"""The networks of w3 to w6 in PyTorch's words, with logits at their ends."""


def networks(torch):
    nn, F = torch.nn, torch.nn.functional

    def embedding(words, width):
        """With Keras's start, which is much smaller than PyTorch's."""
        layer = nn.Embedding(words, width)
        nn.init.uniform_(layer.weight, -0.05, 0.05)
        return layer

    class Images(nn.Module):
        """Rows come with channels last; a view gives PyTorch its own order without a copy."""

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x.permute(0, 3, 1, 2))

    def convnet():
        return Images(nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        ))

    class Block(nn.Module):
        def __init__(self, before, filters, stride):
            super().__init__()
            self.first = nn.Conv2d(before, filters, 3, stride, 1, bias=False)
            self.second = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.norms = nn.ModuleList([nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)])
            self.shortcut = nn.Conv2d(before, filters, 1, 2, bias=False) if stride == 2 else None

        def forward(self, x):
            y = F.relu(self.norms[0](self.first(x)))
            y = self.norms[1](self.second(y))
            return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    def resnet20():
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        before = 16
        for stage, filters in enumerate((16, 32, 64)):
            for block in range(3):
                layers.append(Block(before, filters, 2 if stage > 0 and block == 0 else 1))
                before = filters
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        return Images(nn.Sequential(*layers))

    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = embedding(20_000, 128)
            self.lstm = nn.LSTM(128, 128, batch_first=True)
            self.dense = nn.Linear(128, 1)

        def forward(self, words):
            return self.dense(self.lstm(self.embedding(words))[0][:, -1])

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.project, self.dense = nn.Linear(256, 768), nn.Linear(256, 256)

        def forward(self, x):
            batch, length, width = x.shape
            parts = self.project(x).view(batch, length, 3, 4, 64).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(*parts, is_causal=True)
            return self.dense(y.transpose(1, 2).reshape(batch, length, width))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = embedding(8_000, 256), embedding(128, 256)
            self.attentions = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(256), Attention()) for _ in range(4))
            self.denses = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(256), nn.Linear(256, 1024), nn.GELU(),
                              nn.Linear(1024, 256)) for _ in range(4))
            self.end = nn.Sequential(nn.LayerNorm(256), nn.Linear(256, 8_000))

        def forward(self, words):
            x = self.words(words) + self.places(torch.arange(words.shape[1]))
            for attention, dense in zip(self.attentions, self.denses):
                x = x + attention(x)
                x = x + dense(x)
            return self.end(x)

    return {"w3": convnet, "w4": resnet20, "w5": Lstm, "w6": Gpt}


def optimizer(torch, workload, parameters):
    if workload.optimizer == "momentum":
        return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, fused=True)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[workload.optimizer]
    # Keras's weight decay of AdamW is 0.004.
    more = {"weight_decay": 0.004} if workload.optimizer == "adamw" else {}
    return kind(parameters, lr=1e-3, eps=1e-7, fused=True, **more)
