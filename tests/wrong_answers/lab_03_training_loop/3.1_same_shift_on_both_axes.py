# expects: one number per axis
class ShiftedDigits(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        if self.augment:
            shift = int(torch.randint(0, 3, (1,)))
            image = nn.functional.pad(image, (1, 1, 1, 1))[:, shift : shift + 8, shift : shift + 8]
        return image, int(self.labels[index])
