"""The networks of w3 to w6 in Keras's words."""


def convnet(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax"),
    ])


def resnet20(keras):
    layers = keras.layers

    def conv(filters, size, stride):
        return layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)

    image = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(layers.BatchNormalization()(conv(16, 3, 1)(image)))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            y = layers.BatchNormalization()(conv(filters, 3, stride)(x))
            y = conv(filters, 3, 1)(layers.Activation("relu")(y))
            y = layers.BatchNormalization()(y)
            shortcut = conv(filters, 1, 2)(x) if stride == 2 else x
            x = layers.Activation("relu")(layers.Add()([y, shortcut]))
    y = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, y)


def lstm(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((80,), dtype="int32"), layers.Embedding(20_000, 128), layers.LSTM(128),
        layers.Dense(1, activation="sigmoid"),
    ])


def gpt(keras):
    layers, ops = keras.layers, keras.ops
    words = keras.Input((128,), dtype="int32")
    places = ops.cumsum(ops.ones_like(words), axis=1) - 1
    x = layers.Embedding(8_000, 256)(words) + layers.Embedding(128, 256)(places)
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 64)(y, y, use_causal_mask=True)
        y = layers.Dense(1024, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(256)(y)
    return keras.Model(words, layers.Dense(8_000)(layers.LayerNormalization()(x)))


NETWORKS = {"w3": convnet, "w4": resnet20, "w5": lstm, "w6": gpt}


def optimizer(keras, name):
    if name == "momentum":
        return keras.optimizers.SGD(0.01, momentum=0.9)
    return {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[name](1e-3)


def loss(keras, workload):
    if workload.name == "w6":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return workload.loss
